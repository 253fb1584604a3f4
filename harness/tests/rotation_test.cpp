#include "pindrill/rotation.h"

#include <gtest/gtest.h>

#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::cli_verify;
using test::Hierarchy;

class Rotation : public ::testing::Test {
 protected:
  /// Does the openssl command accept it with this trust?
  static bool accepted(const Issuance& issuance, const Authority& trusted) {
    return cli_verify({trusted.certificate()}, present(issuance).chain, {"-verify_hostname", test::kHost}).empty();
  }

  const Hierarchy genuine_;
  const Hierarchy other_{"Other"};
  const Issuance current_ = genuine_.issuance();
};

TEST_F(Rotation, PresentsTheLeafThenItsIssuers) {
  const auto shown = present(current_);
  ASSERT_EQ(shown.chain.size(), 2U);
  EXPECT_EQ(shown.leaf().spki(), shown.key.spki());
  EXPECT_EQ(shown.chain[1], genuine_.intermediate.certificate());
  EXPECT_TRUE(accepted(current_, genuine_.root));
}

TEST_F(Rotation, CertifiesTheLeafThatIsPresented) {
  const auto leaf = certify(current_);
  EXPECT_EQ(leaf.spki(), present(current_).leaf().spki());
  EXPECT_NE(leaf.serial(), certify(current_).serial());
}

TEST_F(Rotation, RenewKeepsTheKeyAndTheIssuer) {
  const auto before = present(current_).leaf();
  const auto after = present(renew(current_)).leaf();
  EXPECT_EQ(after.spki(), before.spki());
  EXPECT_EQ(after.issuer(), before.issuer());
  EXPECT_NE(after.serial(), before.serial());
  EXPECT_TRUE(accepted(renew(current_), genuine_.root));
}

TEST_F(Rotation, RekeyChangesOnlyTheKey) {
  const auto key = KeyPair::generate(KeyType::rsa2048);
  const auto shown = present(rekey(current_, key));
  EXPECT_EQ(shown.leaf().spki(), key.spki());
  EXPECT_EQ(shown.key.spki(), key.spki());
  EXPECT_EQ(shown.leaf().issuer(), genuine_.intermediate.certificate().subject());
  EXPECT_TRUE(accepted(rekey(current_, key), genuine_.root));
}

TEST_F(Rotation, SwitchIssuerKeepsTheKey) {
  const auto next = switch_issuer(current_, other_.intermediate, {other_.intermediate.certificate()});
  EXPECT_EQ(present(next).leaf().spki(), current_.key.spki());
  EXPECT_TRUE(accepted(next, other_.root));
  EXPECT_FALSE(accepted(next, genuine_.root));
}

TEST_F(Rotation, CrossSignReachesBothRoots) {
  const auto next = cross_sign(current_, genuine_.root, other_.root);
  EXPECT_TRUE(accepted(next, genuine_.root));
  EXPECT_TRUE(accepted(next, other_.root));
  EXPECT_FALSE(accepted(current_, other_.root));
}

TEST_F(Rotation, MisissueHasTheNamesButNoneOfTheKeys) {
  const auto key = KeyPair::generate(KeyType::p256);
  const auto rogue = misissue(current_, other_.intermediate, {other_.intermediate.certificate()}, key);
  const auto shown = present(rogue);
  EXPECT_EQ(shown.leaf().dns_names(), present(current_).leaf().dns_names());
  for (const auto& certificate : shown.chain) {
    EXPECT_NE(certificate.spki(), current_.key.spki());
    EXPECT_NE(certificate.spki(), genuine_.intermediate.key().spki());
  }
  EXPECT_TRUE(accepted(rogue, other_.root));
  EXPECT_FALSE(accepted(rogue, genuine_.root));
}

}  // namespace
}  // namespace pindrill

#include <gtest/gtest.h>

#include <ostream>

#include "pindrill/pki.h"
#include "support/certificates.h"
#include "support/command.h"
#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::authority_spec;
using test::cli_verify;
using test::described;
using test::Directory;
using test::Hierarchy;
using test::holds;
using test::kind_of;
using test::leaf_spec;
using test::openssl;
using test::openssl_text;

struct TypeCase {
  KeyType type;
  const char* name;
  const char* words;  ///< of the openssl command
};

std::ostream& operator<<(std::ostream& out, const TypeCase& type) { return out << type.name; }

class EveryKeyType : public ::testing::TestWithParam<TypeCase> {};

TEST_P(EveryKeyType, SignsAndIsCertified) {
  const auto key = KeyPair::generate(GetParam().type);
  EXPECT_EQ(key.type_name(), GetParam().name);
  EXPECT_TRUE(key.has_private());
  openssl_text({"pkey", "-check", "-noout"}, key.private_pem());

  const auto again = KeyPair::from_pem(key.private_pem());
  EXPECT_EQ(again.spki(), key.spki());
  EXPECT_TRUE(again.has_private());
  const auto half = KeyPair::from_pem(key.public_pem());
  EXPECT_EQ(half.spki(), key.spki());
  EXPECT_FALSE(half.has_private());

  const auto root = Authority::root(key, authority_spec("Root TEST"));
  const auto leaf = root.issue(key, leaf_spec());
  EXPECT_EQ(leaf.spki(), key.spki());
  EXPECT_EQ(cli_verify({root.certificate()}, {leaf}, {"-purpose", "sslserver", "-verify_hostname", test::kHost}), "");
  EXPECT_TRUE(holds(described(leaf), GetParam().words)) << described(leaf);

  const Directory directory;
  const auto made = openssl_text({"req", "-new", "-x509", "-key", directory.write("key.pem", key.private_pem()),
                                  "-subj", "/CN=x", "-addext", "subjectKeyIdentifier=hash"});
  EXPECT_EQ(Certificate::from_pem(made).subject_key_id(), key.key_id());
}

INSTANTIATE_TEST_SUITE_P(Pki, EveryKeyType,
                         ::testing::Values(TypeCase{KeyType::rsa2048, "RSA-2048", "Public-Key: (2048 bit)"},
                                           TypeCase{KeyType::rsa3072, "RSA-3072", "Public-Key: (3072 bit)"},
                                           TypeCase{KeyType::rsa4096, "RSA-4096", "Public-Key: (4096 bit)"},
                                           TypeCase{KeyType::rsa8192, "RSA-8192", "Public-Key: (8192 bit)"},
                                           TypeCase{KeyType::p256, "P-256", "NIST CURVE: P-256"},
                                           TypeCase{KeyType::p384, "P-384", "NIST CURVE: P-384"},
                                           TypeCase{KeyType::p521, "P-521", "NIST CURVE: P-521"},
                                           TypeCase{KeyType::ed25519, "Ed25519", "ED25519 Public-Key"}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
                           return name;
                         });

TEST(Key, IsReadFromCertificatesRequestsAndTraditionalForms) {
  const Hierarchy made;
  const auto& key = made.leaf_key;
  const Directory directory;
  const auto file = directory.write("key.pem", key.private_pem());
  const auto request = openssl_text({"req", "-new", "-key", file, "-subj", "/CN=x"});
  EXPECT_EQ(KeyPair::from_pem(request).spki(), key.spki());
  EXPECT_FALSE(KeyPair::from_pem(request).has_private());
  EXPECT_EQ(KeyPair::from_pem(made.credential().leaf().pem()).spki(), key.spki());
  const auto traditional = openssl_text({"ec", "-in", file, "-param_enc", "named_curve"});
  EXPECT_TRUE(holds(traditional, "BEGIN EC PRIVATE KEY"));
  EXPECT_EQ(KeyPair::from_pem(traditional).spki(), key.spki());
  EXPECT_TRUE(KeyPair::from_pem(traditional).has_private());
}

TEST(Key, RefusesWhatItCannotRead) {
  const auto key = KeyPair::generate(KeyType::p256);
  const auto encrypted =
      openssl_text({"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", "pass:x"}, key.private_pem());
  for (const auto& text : {std::string("garbage"), std::string(), encrypted,
                           std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                           std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}) {
    EXPECT_EQ(kind_of([&] { KeyPair::from_pem(text); }), ErrorKind::input) << text;
  }
  EXPECT_EQ(kind_of([&] { (void)KeyPair::from_pem(key.public_pem()).private_pem(); }), ErrorKind::input);
}

class Mismatched : public ::testing::TestWithParam<KeyType> {};

TEST_P(Mismatched, ShowsOneKeyAndSignsWithAnother) {
  const auto shown = KeyPair::generate(GetParam());
  const auto signing = KeyPair::generate(GetParam());
  const auto mixed = KeyPair::mismatched(shown, signing);
  EXPECT_EQ(mixed.spki(), shown.spki());
  EXPECT_TRUE(mixed.has_private());

  const auto root = Authority::root(shown, authority_spec("Root TEST"));
  EXPECT_EQ(X509_check_private_key(root.certificate().get(), mixed.get()), 1) << "a server must accept it";
  const auto leaf = Authority(mixed, root.certificate()).issue(signing, leaf_spec());
  EXPECT_TRUE(holds(cli_verify({root.certificate()}, {leaf}), "signature failure"));
}

INSTANTIATE_TEST_SUITE_P(Key, Mismatched, ::testing::Values(KeyType::rsa2048, KeyType::p256, KeyType::ed25519));

TEST(Key, MismatchNeedsTwoKeysOfOneTypeAndAPrivateHalf) {
  const auto p256 = KeyPair::generate(KeyType::p256);
  const auto p384 = KeyPair::generate(KeyType::p384);
  EXPECT_EQ(kind_of([&] { KeyPair::mismatched(p256, p384); }), ErrorKind::input);
  EXPECT_EQ(kind_of([&] { KeyPair::mismatched(p256, KeyPair::from_pem(p256.public_pem())); }), ErrorKind::input);
}

}  // namespace
}  // namespace pindrill

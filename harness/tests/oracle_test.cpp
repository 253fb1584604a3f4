#include "pindrill/oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::authority_spec;
using test::Hierarchy;
using test::kHost;
using test::leaf_spec;

constexpr std::int64_t kDay = 24 * 3600;

PinSet pins_on(const std::vector<KeyPair>& keys, const std::string& host = kHost) {
  PinSet set{host, {}};
  for (const auto& key : keys) set.pins.push_back(Pin::of_key(key));
  return set;
}

class Oracle : public ::testing::Test {
 protected:
  Decision ask(const std::vector<PinSet>& sets, const std::vector<Certificate>& trust,
               const std::vector<Certificate>& presented, const std::string& host = kHost,
               const Semantics& semantics = {}) const {
    return decide(sets, trust, presented, host, now_, semantics);
  }

  const std::int64_t now_ = std::time(nullptr);
  const Hierarchy genuine_;
  const Hierarchy other_{"Other"};
  const KeyPair stranger_ = KeyPair::generate(KeyType::p256);
  const Credential shown_ = genuine_.credential();
  /// A trusted authority other than the pinned one certified the same name.
  const Credential rogue_ =
      present(misissue(genuine_.issuance(), other_.intermediate, {other_.intermediate.certificate()}, stranger_));
  const std::vector<Certificate> trust_ = {genuine_.root.certificate(), other_.root.certificate()};
};

TEST_F(Oracle, AcceptsAPinAnywhereInTheValidatedPath) {
  for (const auto& key : {genuine_.leaf_key, genuine_.intermediate.key(), genuine_.root.key()}) {
    const auto decision = ask({pins_on({stranger_, key})}, trust_, shown_.chain);
    EXPECT_EQ(decision.answer, Answer::accept) << decision.reason;
    EXPECT_EQ(decision.valid_paths, 1);
    EXPECT_TRUE(decision.pins_apply);
  }
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, trust_, shown_.chain).matched, "Genuine Root TEST");
}

TEST_F(Oracle, AcceptsAPinnedCertificate) {
  const PinSet set{kHost, {Pin::of_certificate(shown_.leaf())}};
  EXPECT_EQ(ask({set}, trust_, shown_.chain).answer, Answer::accept);
  EXPECT_EQ(ask({set}, trust_, genuine_.credential().chain).answer, Answer::refuse) << "renewed";
}

TEST_F(Oracle, RefusesAnotherKeyAndUntrustedChains) {
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, rogue_.chain).answer, Answer::refuse);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, {other_.root.certificate()}, shown_.chain).answer, Answer::refuse);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, {}, shown_.chain).answer, Answer::refuse);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, {}).answer, Answer::refuse);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, {shown_.leaf()}).answer, Answer::refuse) << "no intermediate";
}

TEST_F(Oracle, ALinkCertificateLeadsFromANewRootKeyToTheOldOne) {
  // RFC 4210 section 4.4: the new root key, certified under the old one, with the same name.
  const auto spec = authority_spec("Genuine Root TEST");
  const auto renewed = Authority::root(KeyPair::generate(KeyType::p256), spec);
  const auto link = genuine_.root.issue(renewed.key(), spec);
  const auto leaf = renewed.issue(genuine_.leaf_key, leaf_spec());
  const std::vector<Certificate> old_trust = {genuine_.root.certificate()};
  ASSERT_EQ(test::cli_verify(old_trust, {leaf, link}), "");
  for (const auto& key : {genuine_.leaf_key, renewed.key(), genuine_.root.key()}) {
    EXPECT_EQ(ask({pins_on({key})}, old_trust, {leaf, link}).answer, Answer::accept);
  }
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, old_trust, {leaf}).answer, Answer::refuse);
}

TEST_F(Oracle, AnUnpinnedHostIsValidationAlone) {
  for (const auto& sets : {std::vector<PinSet>{}, {pins_on({stranger_}, "other.test")}}) {
    const auto decision = ask(sets, trust_, rogue_.chain);
    EXPECT_EQ(decision.answer, Answer::accept);
    EXPECT_FALSE(decision.pins_apply);
  }
}

TEST_F(Oracle, AnEmptyPinSetRefusesEverything) {
  EXPECT_EQ(ask({PinSet{kHost, {}}}, trust_, shown_.chain).answer, Answer::refuse);
}

TEST_F(Oracle, AnExpiredPinSetLeavesValidation) {
  auto set = pins_on({genuine_.leaf_key});
  set.expires = now_;
  const auto decision = ask({set}, trust_, rogue_.chain);
  EXPECT_EQ(decision.answer, Answer::accept);
  EXPECT_TRUE(decision.expired_pins);
  EXPECT_FALSE(decision.pins_apply);
  EXPECT_EQ(ask({set}, {genuine_.root.certificate()}, rogue_.chain).answer, Answer::refuse);
  set.expires = now_ + 1;
  EXPECT_EQ(ask({set}, trust_, rogue_.chain).answer, Answer::refuse);
}

TEST_F(Oracle, AJunkCertificateInTheListIsNoPath) {
  auto presented = rogue_.chain;
  presented.push_back(shown_.leaf());
  presented.push_back(genuine_.intermediate.certificate());
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key, genuine_.intermediate.key()})}, trust_, presented).answer, Answer::refuse);
}

TEST_F(Oracle, OrderAndDuplicatesDoNotMatter) {
  auto presented = shown_.chain;
  presented.push_back(genuine_.root.certificate());
  presented.push_back(other_.intermediate.certificate());
  presented.push_back(shown_.leaf());
  presented.push_back(genuine_.intermediate.certificate());
  auto trust = trust_;
  trust.insert(trust.end(), trust_.begin(), trust_.end());
  const auto by_der = [](const auto& a, const auto& b) { return a.der() < b.der(); };
  std::sort(presented.begin() + 1, presented.end(), by_der);
  do {
    const auto decision = ask({pins_on({genuine_.root.key()})}, trust, presented);
    EXPECT_EQ(decision.answer, Answer::accept) << decision.reason;
    EXPECT_EQ(decision.valid_paths, 1);
  } while (std::next_permutation(presented.begin() + 1, presented.end(), by_der));
}

TEST_F(Oracle, ReportsWhereOnlySomePathsMatch) {
  const auto presented = present(cross_sign(genuine_.issuance(), genuine_.root, other_.root)).chain;
  const auto decision = ask({pins_on({other_.root.key()})}, trust_, presented);
  EXPECT_EQ(decision.answer, Answer::report) << decision.reason;
  EXPECT_EQ(decision.valid_paths, 2);
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, trust_, presented).answer, Answer::accept)
      << "the key of the cross-signed root is in both paths";
  EXPECT_EQ(ask({pins_on({other_.root.key()})}, {other_.root.certificate()}, presented).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({other_.root.key()})}, {genuine_.root.certificate()}, presented).answer, Answer::refuse);
}

TEST_F(Oracle, LooksPastAnAnchorThatIsNotSelfSigned) {
  const std::vector<Certificate> trust = {genuine_.intermediate.certificate(), genuine_.root.certificate()};
  const auto decision = ask({pins_on({genuine_.root.key()})}, trust, {shown_.leaf()});
  EXPECT_EQ(decision.answer, Answer::report) << decision.reason;
  EXPECT_EQ(decision.valid_paths, 2);
}

TEST_F(Oracle, ATrustedLeafIsAPath) {
  const auto lonely = self_signed(stranger_, leaf_spec());
  EXPECT_EQ(ask({pins_on({stranger_})}, {lonely}, {lonely}).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({stranger_})}, trust_, {lonely}).answer, Answer::refuse);
}

TEST_F(Oracle, AnInvalidPathDoesNotCount) {
  // Two certificates of one intermediate key: the one under the other root has run out.
  auto expired = authority_spec("Genuine Intermediate TEST");
  expired.not_before = -std::chrono::hours(48);
  expired.not_after = -std::chrono::hours(24);
  auto presented = shown_.chain;
  presented.push_back(other_.root.issue(genuine_.intermediate.key(), expired));
  const auto decision = ask({pins_on({genuine_.root.key()})}, trust_, presented);
  EXPECT_EQ(decision.answer, Answer::accept) << decision.reason;
  EXPECT_EQ(decision.valid_paths, 1);
}

TEST_F(Oracle, NameConstraintsDatesAndPurposesCount) {
  const auto pins = std::vector{pins_on({genuine_.leaf_key})};
  auto constrained = authority_spec("Constrained TEST");
  constrained.permitted_dns = {"other.test"};
  const auto below = genuine_.root.intermediate(stranger_, constrained);
  const auto outside = ask(pins, trust_, {below.issue(genuine_.leaf_key, leaf_spec()), below.certificate()});
  EXPECT_EQ(outside.answer, Answer::refuse);
  EXPECT_NE(outside.reason.find("subtree"), std::string::npos) << outside.reason;

  EXPECT_EQ(decide(pins, trust_, shown_.chain, kHost, now_ + 61 * kDay).answer, Answer::refuse);
  EXPECT_EQ(decide(pins, trust_, shown_.chain, kHost, now_ - 31 * kDay).answer, Answer::refuse);

  auto client_only = leaf_spec();
  client_only.extended_key_usage = "clientAuth";
  EXPECT_EQ(ask(pins, trust_, {genuine_.root.issue(genuine_.leaf_key, client_only)}).answer, Answer::refuse);

  auto no_authority = leaf_spec("Leaf TEST");
  const auto pretender = KeyPair::generate(KeyType::p256);
  const Authority not_one(pretender, genuine_.root.issue(pretender, no_authority));
  EXPECT_EQ(ask(pins, trust_, {not_one.issue(genuine_.leaf_key, leaf_spec()), not_one.certificate()}).answer,
            Answer::refuse);
}

TEST_F(Oracle, ASignatureMustBeTheIssuers) {
  const auto mixed = KeyPair::mismatched(genuine_.intermediate.key(), stranger_);
  const Authority forger(mixed, genuine_.intermediate.certificate());
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_,
                {forger.issue(genuine_.leaf_key, leaf_spec()), genuine_.intermediate.certificate()})
                .answer,
            Answer::refuse);
}

TEST_F(Oracle, HostsAreComparedAsClientsDo) {
  const auto answer = [&](const std::string& host, const CertificateSpec& spec) {
    const auto leaf = genuine_.root.issue(genuine_.leaf_key, spec);
    return ask({pins_on({genuine_.leaf_key}, host)}, trust_, {leaf}, host).answer;
  };
  const auto named = [](std::vector<std::string> dns) {
    auto spec = leaf_spec();
    spec.dns = std::move(dns);
    return spec;
  };
  EXPECT_EQ(answer("app.pin.test", named({"app.pin.test"})), Answer::accept);
  EXPECT_EQ(answer("app.pin.test.", named({"app.pin.test"})), Answer::accept);
  EXPECT_EQ(answer("APP.Pin.Test", named({"app.pin.test"})), Answer::accept);
  EXPECT_EQ(answer("app.pin.test", named({"APP.pin.TEST"})), Answer::accept);
  EXPECT_EQ(answer("app.pin.test", named({"other.test"})), Answer::refuse);
  EXPECT_EQ(answer("app.pin.test", named({"*.pin.test"})), Answer::accept);
  EXPECT_EQ(answer("a.app.pin.test", named({"*.pin.test"})), Answer::refuse);
  EXPECT_EQ(answer("pin.test", named({"*.pin.test"})), Answer::refuse);
  EXPECT_EQ(answer("pin.test", named({"*.test"})), Answer::refuse);
  EXPECT_EQ(answer("app.pin.test", named({"a*.pin.test"})), Answer::refuse) << "catalogue HN6";
  EXPECT_EQ(answer("app.pin.test", named({})), Answer::refuse) << "a common name is no name, catalogue HN3";
  EXPECT_EQ(answer("", named({"app.pin.test"})), Answer::refuse);
  EXPECT_EQ(answer(".", named({"app.pin.test"})), Answer::refuse);
  auto nul = named({});
  nul.raw_dns = {{'a', 'p', 'p', '.', 'p', 'i', 'n', '.', 't', 'e', 's', 't', 0, '.', 'x'}};
  EXPECT_EQ(answer("app.pin.test", nul), Answer::refuse);
}

TEST_F(Oracle, AddressesAreComparedWithAddresses) {
  auto spec = leaf_spec();
  spec.dns = {"127.0.0.2"};
  spec.ip = {"127.0.0.1", "::1"};
  const auto leaf = genuine_.root.issue(genuine_.leaf_key, spec);
  EXPECT_EQ(ask({}, trust_, {leaf}, "127.0.0.1").answer, Answer::accept);
  EXPECT_EQ(ask({}, trust_, {leaf}, "::1").answer, Answer::accept);
  EXPECT_EQ(ask({}, trust_, {leaf}, "127.0.0.2").answer, Answer::refuse) << "catalogue HN9";
}

TEST_F(Oracle, AnotherSpellingOfTheHostIsPinnedAsWell) {
  for (const auto& host : {"app.pin.test.", "APP.pin.test"}) {
    EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, rogue_.chain, host).answer, Answer::refuse) << host;
  }
}

TEST_F(Oracle, LeafPinsLookAtTheLeafAlone) {
  const Semantics leaf{Position::leaf};
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, shown_.chain, kHost, leaf).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, trust_, shown_.chain, kHost, leaf).answer, Answer::refuse);
}

TEST_F(Oracle, PresentedPinsTakeJunk) {
  const Semantics presented{Position::presented};
  auto chain = rogue_.chain;
  chain.push_back(shown_.leaf());
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, chain, kHost, presented).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, trust_, shown_.chain, kHost, presented).answer, Answer::refuse)
      << "the root is not sent";
}

TEST_F(Oracle, ReplacingPinsLookAtNothingElse) {
  const Semantics replace{Position::leaf, PinMode::replace};
  const auto lonely = self_signed(genuine_.leaf_key, leaf_spec("other.test"));
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, {}, {lonely}, kHost, replace).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, rogue_.chain, kHost, replace).answer, Answer::refuse);
  EXPECT_EQ(ask({}, trust_, {lonely}, kHost, replace).answer, Answer::refuse) << "no pin: validation decides";
}

TEST_F(Oracle, AddedPinsAreOneWayOfTwo) {
  const Semantics add{Position::leaf, PinMode::add};
  const auto lonely = self_signed(genuine_.leaf_key, leaf_spec());
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, {}, {lonely}, kHost, add).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, rogue_.chain, kHost, add).answer, Answer::accept);
  EXPECT_EQ(ask({pins_on({stranger_})}, {}, {lonely}, kHost, add).answer, Answer::refuse);
}

TEST_F(Oracle, APinMaySwitchTheNameCheckOff) {
  const Semantics nameless{Position::leaf, PinMode::restrict_, false};
  const auto elsewhere = genuine_.root.issue(genuine_.leaf_key, leaf_spec("other.test"));
  EXPECT_EQ(ask({pins_on({genuine_.leaf_key})}, trust_, {elsewhere}, kHost, nameless).answer, Answer::accept);
  EXPECT_EQ(ask({}, trust_, {elsewhere}, kHost, nameless).answer, Answer::refuse) << "without a pin it stays on";
}

/// `width` intermediates of one name each in `depth` layers: width to the power of depth paths.
std::vector<Certificate> maze(const Authority& root, int width, int depth) {
  std::vector<Certificate> all;
  std::vector<Authority> above = {root};
  for (int layer = 0; layer < depth; ++layer) {
    std::vector<Authority> here;
    for (int i = 0; i < width; ++i) {
      here.push_back(above[static_cast<std::size_t>(i) % above.size()].intermediate(
          KeyPair::generate(KeyType::p256), authority_spec("Layer " + std::to_string(layer) + " TEST")));
      all.push_back(here.back().certificate());
    }
    above = std::move(here);
  }
  all.insert(all.begin(), above.front().issue(KeyPair::generate(KeyType::p256), leaf_spec()));
  return all;
}

TEST_F(Oracle, AMazeOfPathsEndsSoon) {
  const auto chain = maze(genuine_.root, 8, 7);
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, trust_, chain).answer, Answer::report) << "8^7 candidates";
  EXPECT_EQ(ask({pins_on({genuine_.root.key()})}, {other_.root.certificate()}, chain).answer, Answer::report)
      << "none of them reaches an anchor";
}

TEST_F(Oracle, ARingOfIssuersEndsSoon) {
  const auto a = Authority::root(KeyPair::generate(KeyType::p256), authority_spec("A TEST"));
  const auto b = Authority::root(KeyPair::generate(KeyType::p256), authority_spec("B TEST"));
  const auto leaf = a.issue(genuine_.leaf_key, leaf_spec());
  EXPECT_EQ(ask({}, trust_, {leaf, a.cross_sign(b), b.cross_sign(a)}).answer, Answer::refuse);
  EXPECT_EQ(ask({}, {a.certificate()}, {leaf, a.cross_sign(b), b.cross_sign(a)}).answer, Answer::accept);
}

}  // namespace
}  // namespace pindrill

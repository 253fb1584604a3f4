#include "pindrill/pin.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/command.h"
#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::openssl_text;

class PinOfKey : public ::testing::TestWithParam<KeyType> {};

TEST_P(PinOfKey, IsWhatTheWellKnownCommandPrints) {
  const auto key = KeyPair::generate(GetParam());
  const auto certificate = self_signed(key, test::leaf_spec());
  const auto public_pem = openssl_text({"x509", "-pubkey", "-noout"}, certificate.pem());
  const auto der = openssl_text({"pkey", "-pubin", "-outform", "der"}, public_pem);
  const auto digest = openssl_text({"dgst", "-sha256", "-binary"}, der);
  const auto base64 = openssl_text({"enc", "-base64", "-A"}, digest);
  EXPECT_EQ(Pin::of_key(key).base64(), base64);
  EXPECT_TRUE(Pin::of_key(key).matches(certificate));
  EXPECT_TRUE(Pin::parse(base64, PinOf::spki).matches(certificate));
  EXPECT_FALSE(Pin::parse(base64, PinOf::certificate).matches(certificate));
}

INSTANTIATE_TEST_SUITE_P(EveryType, PinOfKey,
                         ::testing::Values(KeyType::rsa2048, KeyType::rsa3072, KeyType::rsa4096, KeyType::rsa8192,
                                           KeyType::p256, KeyType::p384, KeyType::p521, KeyType::ed25519));

TEST(Pin, OfACertificateIsItsFingerprint) {
  const auto certificate = test::Hierarchy().credential().leaf();
  const auto printed = openssl_text({"x509", "-noout", "-fingerprint", "-sha256"}, certificate.pem());
  EXPECT_EQ("sha256 Fingerprint=" + Pin::of_certificate(certificate).colon_hex() + "\n", printed);
  EXPECT_EQ(sha256_hex(certificate.der()), Pin::of_certificate(certificate).hex());
}

/// Its base64 starts with a slash, as one in 64 does: the prefix must not swallow it.
Pin::Value all_ones() {
  Pin::Value digest{};
  digest.fill(0xff);
  return digest;
}

class PinText : public ::testing::TestWithParam<Pin::Value> {};

TEST_P(PinText, IsReadInEveryForm) {
  const Pin pin(PinOf::spki, GetParam());
  auto capitals = pin.hex();
  std::transform(capitals.begin(), capitals.end(), capitals.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const auto& text :
       {pin.base64(), "sha256/" + pin.base64(), "sha256//" + pin.base64(), "pin-sha256=\"" + pin.base64() + "\"",
        "pin-sha256=" + pin.base64(), pin.hex(), capitals, pin.colon_hex()}) {
    EXPECT_EQ(Pin::parse(text, PinOf::spki), pin) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Digests, PinText,
    ::testing::Values(Pin::Value{}, all_ones(), Pin::Value{1, 2, 3, 0xfa},
                      // "sha256/B…" and "sha256//…" in base64: the digest itself looks like a prefix.
                      Pin::Value{0xb2, 0x16, 0xb6, 0xe7, 0xaf, 0xc1, 2},
                      Pin::Value{0xb2, 0x16, 0xb6, 0xe7, 0xaf, 0xff, 2}));

class MalformedPin : public ::testing::TestWithParam<const char*> {};

TEST_P(MalformedPin, IsRefused) {
  try {
    (void)Pin::parse(GetParam(), PinOf::spki);
    FAIL() << GetParam();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_NE(std::string(error.what()).find("malformed pin"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, MalformedPin,
    ::testing::Values("", "sha256/", "sha256//", "pin-sha256=", "pin-sha256=\"\"", "\"", "\"\"", "=",
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",     // no padding
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",    // stray bits
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",    // 31 octets
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",    // 33 octets
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-A=",    // URL-safe alphabet
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA A=",    // a space
                      " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",   // around it
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",  //
                      "AAAAAAAA=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",    // padding within
                      "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=",               //
                      "SHA256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                      "sha256/sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                      "sha256/0000000000000000000000000000000000000000000000000000000000000000",  // hex has no prefix
                      "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",                         // nor quotes alone
                      "sha256/\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",                  //
                      "000000000000000000000000000000000000000000000000000000000000000g",
                      "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00.00",
                      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",         // the digest of nothing
                      "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",  //
                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));

TEST(Pin, TheDigestOfNothingIsNamed) {
  const auto nothing = openssl_text({"enc", "-base64", "-A"}, openssl_text({"dgst", "-sha256", "-binary"}, ""));
  try {
    (void)Pin::parse(nothing, PinOf::spki);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("empty input"), std::string::npos) << error.what();
  }
}

struct Coverage {
  PinSet set;
  const char* host;
  bool covered;
};

std::ostream& operator<<(std::ostream& out, const Coverage& coverage) {
  return out << coverage.set.host << " " << coverage.host;
}

class Covers : public ::testing::TestWithParam<Coverage> {};

TEST_P(Covers, HostsAsTheTableSays) { EXPECT_EQ(GetParam().set.covers(GetParam().host), GetParam().covered); }

const PinSet kExact{"pin.test", {}, Subdomains::none};
const PinSet kOne{"pin.test", {}, Subdomains::one};
const PinSet kAll{"pin.test", {}, Subdomains::all};
const PinSet kBelow{"pin.test", {}, Subdomains::one, false};
const PinSet kOdd{"Pin.TEST.", {}, Subdomains::all};

INSTANTIATE_TEST_SUITE_P(Table, Covers,
                         ::testing::Values(Coverage{kExact, "pin.test", true}, Coverage{kExact, "PIN.test", true},
                                           Coverage{kExact, "pin.test.", true}, Coverage{kExact, "pin.test..", false},
                                           Coverage{kExact, "a.pin.test", false},
                                           Coverage{kExact, "notpin.test", false}, Coverage{kExact, "test", false},
                                           Coverage{kExact, "", false}, Coverage{kOne, "pin.test", true},
                                           Coverage{kOne, "a.pin.test", true}, Coverage{kOne, "A.Pin.Test.", true},
                                           Coverage{kOne, "b.a.pin.test", false}, Coverage{kOne, "apin.test", false},
                                           Coverage{kOne, ".pin.test", false},
                                           Coverage{kOne, "pin.test.evil.test", false},
                                           Coverage{kAll, "pin.test", true}, Coverage{kAll, "a.pin.test", true},
                                           Coverage{kAll, "c.b.a.pin.test", true}, Coverage{kAll, "apin.test", false},
                                           Coverage{kBelow, "pin.test", false}, Coverage{kBelow, "a.pin.test", true},
                                           Coverage{kBelow, "b.a.pin.test", false}, Coverage{kOdd, "pin.test", true},
                                           Coverage{kOdd, "A.PIN.test", true}));

}  // namespace
}  // namespace pindrill

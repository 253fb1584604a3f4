#include <gtest/gtest.h>

#include <ctime>

#include "pindrill/pki.h"
#include "support/certificates.h"
#include "support/command.h"
#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::authority_spec;
using test::cli_verify;
using test::colons;
using test::described;
using test::extension;
using test::Hierarchy;
using test::holds;
using test::kind_of;
using test::leaf_spec;
using test::openssl_text;

TEST(Mint, ALeafIsGoodByDefault) {
  const Hierarchy made;
  const auto before = std::time(nullptr);
  const auto leaf = made.credential().leaf();
  const auto text = described(leaf);
  EXPECT_TRUE(holds(text, "Version: 3 (0x2)")) << text;
  EXPECT_TRUE(holds(text, "Signature Algorithm: ecdsa-with-SHA256"));
  EXPECT_TRUE(holds(text, "Subject: CN=app.pin.test,O=pindrill TEST"));
  EXPECT_TRUE(holds(text, "Issuer: CN=Genuine Intermediate TEST,O=pindrill TEST"));
  EXPECT_TRUE(holds(text, "X509v3 Basic Constraints: critical\n                CA:FALSE"));
  EXPECT_TRUE(holds(text, "X509v3 Key Usage: critical\n                Digital Signature\n"));
  EXPECT_TRUE(holds(text, "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n"));
  EXPECT_TRUE(holds(text, "DNS:app.pin.test\n"));
  EXPECT_TRUE(holds(text, colons(made.leaf_key.key_id())));
  EXPECT_TRUE(holds(extension(leaf, "authorityKeyIdentifier"), colons(made.intermediate.key().key_id())));
  EXPECT_NEAR(static_cast<double>(leaf.not_before()), static_cast<double>(before - 30 * 24 * 3600), 60);
  EXPECT_NEAR(static_cast<double>(leaf.not_after()), static_cast<double>(before + 60 * 24 * 3600), 60);
  EXPECT_EQ(leaf.serial().size(), 16U);
  EXPECT_NE(leaf.serial(), made.credential().leaf().serial());
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_EQ(cli_verify({made.root.certificate()}, made.credential().chain,
                       {"-purpose", "sslserver", "-verify_hostname", test::kHost, "-x509_strict"}),
            "");
}

TEST(Mint, AnAuthorityIsOne) {
  const Hierarchy made;
  const auto& root = made.root.certificate();
  const auto text = described(root);
  EXPECT_TRUE(holds(text, "CA:TRUE")) << text;
  EXPECT_TRUE(holds(text, "Certificate Sign, CRL Sign"));
  EXPECT_FALSE(holds(text, "Extended Key Usage"));
  EXPECT_TRUE(root.is_ca());
}

TEST(Mint, AnRsaLeafMayEncipherKeys) {
  const auto key = KeyPair::generate(KeyType::rsa2048);
  EXPECT_TRUE(holds(extension(self_signed(key, leaf_spec()), "keyUsage"), "Digital Signature, Key Encipherment"));
}

TEST(Mint, NamesAreAsAsked) {
  const auto key = KeyPair::generate(KeyType::p256);
  auto spec = leaf_spec();
  spec.dns = {"a.pin.test", "*.b.pin.test"};
  spec.ip = {"127.0.0.1", "::1"};
  const auto certificate = self_signed(key, spec);
  EXPECT_TRUE(holds(extension(certificate, "subjectAltName"),
                    "DNS:a.pin.test, DNS:*.b.pin.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"));
  EXPECT_EQ(certificate.dns_names(), spec.dns);
  EXPECT_EQ(cli_verify({certificate}, {certificate}, {"-verify_ip", "127.0.0.1"}), "");
  EXPECT_NE(cli_verify({certificate}, {certificate}, {"-verify_ip", "127.0.0.2"}), "");
  spec.ip = {"300.0.0.1"};
  EXPECT_EQ(kind_of([&] { self_signed(key, spec); }), ErrorKind::input);
}

TEST(Mint, RawNamesKeepTheirBytes) {
  auto spec = leaf_spec();
  spec.raw_dns = {{'a', 0, 'b'}, {0xe2, 0x84, 0xaa}};
  const auto certificate = self_signed(KeyPair::generate(KeyType::p256), spec);
  EXPECT_EQ(certificate.dns_names(), (std::vector<std::string>{test::kHost, std::string("a\0b", 3), "\xe2\x84\xaa"}));
  const std::string der(certificate.der().begin(), certificate.der().end());
  EXPECT_TRUE(holds(der, std::string("\x82\x03"
                                     "a\0b",
                                     5)))
      << "a dNSName of three octets";
  openssl_text({"x509", "-noout"}, certificate.pem());
}

TEST(Mint, CommonNamesMayBeAbsentOrForeign) {
  auto spec = leaf_spec();
  spec.common_name = "";
  spec.organization = std::nullopt;
  EXPECT_EQ(self_signed(KeyPair::generate(KeyType::p256), spec).common_name(), "");
  spec.common_name = "Prüfstelle TEST";
  EXPECT_EQ(self_signed(KeyPair::generate(KeyType::p256), spec).common_name(), "Prüfstelle TEST");
  spec.common_name = std::string(65, 'x');
  EXPECT_THROW(self_signed(KeyPair::generate(KeyType::p256), spec), Error);
}

TEST(Mint, NameConstraintsBind) {
  auto spec = authority_spec("Constrained TEST");
  spec.permitted_dns = {"pin.test"};
  const auto root = Authority::root(KeyPair::generate(KeyType::p256), spec);
  EXPECT_TRUE(holds(described(root.certificate()), "X509v3 Name Constraints: critical"));
  const auto key = KeyPair::generate(KeyType::p256);
  EXPECT_EQ(cli_verify({root.certificate()}, {root.issue(key, leaf_spec("app.pin.test"))}), "");
  EXPECT_TRUE(holds(cli_verify({root.certificate()}, {root.issue(key, leaf_spec("app.other.test"))}),
                    "permitted subtree violation"));
}

TEST(Mint, PathLengthBinds) {
  auto spec = authority_spec("Short TEST");
  spec.path_length = 0;
  const auto root = Authority::root(KeyPair::generate(KeyType::p256), spec);
  const auto below = root.intermediate(KeyPair::generate(KeyType::p256), authority_spec("Below TEST"));
  const auto leaf = below.issue(KeyPair::generate(KeyType::p256), leaf_spec());
  EXPECT_TRUE(holds(described(root.certificate()), "CA:TRUE, pathlen:0"));
  EXPECT_TRUE(holds(cli_verify({root.certificate()}, {leaf, below.certificate()}), "path length constraint exceeded"));
}

TEST(Mint, DatesAreRelativeToNow) {
  auto spec = leaf_spec();
  spec.not_before = -std::chrono::hours(48);
  spec.not_after = -std::chrono::hours(24);
  const auto expired = self_signed(KeyPair::generate(KeyType::p256), spec);
  EXPECT_TRUE(holds(cli_verify({expired}, {expired}), "has expired"));
  spec.not_before = std::chrono::hours(24);
  spec.not_after = std::chrono::hours(48);
  const auto future = self_signed(KeyPair::generate(KeyType::p256), spec);
  EXPECT_TRUE(holds(cli_verify({future}, {future}), "not yet valid"));
}

bool covers(const Certificate& issuer, const Certificate& issued) {
  return issuer.not_before() <= issued.not_before() && issued.not_after() <= issuer.not_after();
}

TEST(Mint, AnIssuerIsValidWheneverWhatItIssuesIs) {
  const Hierarchy made;
  EXPECT_TRUE(covers(made.root.certificate(), made.intermediate.certificate()));
  EXPECT_TRUE(covers(made.intermediate.certificate(), made.credential().leaf()));
  auto young = authority_spec("Young Root TEST");
  young.not_before = -std::chrono::hours(1);
  young.not_after = std::chrono::hours(24);
  const auto root = Authority::root(KeyPair::generate(KeyType::p256), young);
  const auto below = root.intermediate(KeyPair::generate(KeyType::p256), authority_spec("Below TEST"));
  EXPECT_TRUE(covers(root.certificate(), below.certificate()));
  EXPECT_TRUE(covers(below.certificate(), below.issue(KeyPair::generate(KeyType::p256), leaf_spec())));
  EXPECT_TRUE(covers(root.certificate(), root.cross_sign(made.root)));
}

TEST(Mint, AnIssuerThatIsNotValidMakesNothingElseWrong) {
  auto spec = authority_spec("Old Root TEST");
  spec.not_before = -std::chrono::hours(48);
  spec.not_after = -std::chrono::hours(24);
  const auto root = Authority::root(KeyPair::generate(KeyType::p256), spec);
  const auto leaf = root.issue(KeyPair::generate(KeyType::p256), leaf_spec());
  EXPECT_GT(leaf.not_after(), std::time(nullptr));
}

TEST(Mint, UsageAndSerialAndKeyIdsAreAsAsked) {
  auto spec = leaf_spec();
  spec.key_usage = "";
  spec.extended_key_usage = "clientAuth";
  spec.serial = Bytes{0x01, 0x02, 0xff};
  spec.subject_key_id = Bytes{0xaa, 0xbb};
  const auto odd = self_signed(KeyPair::generate(KeyType::p256), spec);
  EXPECT_FALSE(holds(described(odd), "X509v3 Key Usage"));
  EXPECT_TRUE(holds(cli_verify({odd}, {odd}, {"-purpose", "sslserver"}), "unsuitable certificate purpose") ||
              holds(cli_verify({odd}, {odd}, {"-purpose", "sslserver"}), "unsupported certificate purpose"));
  EXPECT_EQ(openssl_text({"x509", "-noout", "-serial"}, odd.pem()), "serial=0102FF\n");
  EXPECT_EQ(odd.serial(), (Bytes{0x01, 0x02, 0xff}));
  EXPECT_EQ(odd.subject_key_id(), (Bytes{0xaa, 0xbb}));
  spec.with_key_ids = false;
  const auto plain = self_signed(KeyPair::generate(KeyType::p256), spec);
  EXPECT_FALSE(holds(described(plain), "Key Identifier"));
  EXPECT_TRUE(plain.subject_key_id().empty());
}

TEST(Mint, TheDigestIsAsAsked) {
  auto spec = leaf_spec();
  for (const auto& [digest, words] : {std::pair{Digest::sha1, "ecdsa-with-SHA1"},
                                      {Digest::sha256, "ecdsa-with-SHA256"},
                                      {Digest::sha384, "ecdsa-with-SHA384"},
                                      {Digest::sha512, "ecdsa-with-SHA512"}}) {
    spec.digest = digest;
    EXPECT_TRUE(holds(described(self_signed(KeyPair::generate(KeyType::p256), spec)), words)) << words;
  }
}

TEST(Mint, OtherExtensionsAreAsAsked) {
  auto spec = leaf_spec();
  spec.extra = {{"1.2.3.4", {0x05, 0x00}, true}, {"tlsfeature", {0x30, 0x03, 0x02, 0x01, 0x05}, false}};
  spec.crl_urls = {"http://127.0.0.1/a.crl"};
  spec.ocsp_urls = {"http://127.0.0.1/ocsp"};
  const auto text = described(self_signed(KeyPair::generate(KeyType::p256), spec));
  EXPECT_TRUE(holds(text, "1.2.3.4: critical")) << text;
  EXPECT_TRUE(holds(text, "status_request"));
  EXPECT_TRUE(holds(text, "URI:http://127.0.0.1/a.crl"));
  EXPECT_TRUE(holds(text, "OCSP - URI:http://127.0.0.1/ocsp"));
  spec.extra = {{"no such thing", {}, false}};
  EXPECT_EQ(kind_of([&] { self_signed(KeyPair::generate(KeyType::p256), spec); }), ErrorKind::input);
  spec.extra.clear();
  spec.key_usage = "no such usage";
  EXPECT_EQ(kind_of([&] { self_signed(KeyPair::generate(KeyType::p256), spec); }), ErrorKind::input);
}

}  // namespace
}  // namespace pindrill

#include "pindrill/pki.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <ostream>
#include <thread>

#include "support/command.h"
#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::authority_spec;
using test::cli_verify;
using test::Directory;
using test::Hierarchy;
using test::leaf_spec;
using test::openssl;
using test::openssl_text;

ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::system;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string described(const Certificate& certificate) {
  return openssl_text({"x509", "-noout", "-text", "-nameopt", "RFC2253"}, certificate.pem());
}

std::string extension(const Certificate& certificate, const std::string& name) {
  return openssl_text({"x509", "-noout", "-ext", name}, certificate.pem());
}

/// "AB:CD" as the command prints it.
std::string colons(const Bytes& bytes) {
  std::string text;
  std::array<char, 4> octet{};
  for (const auto byte : bytes) {
    std::snprintf(octet.data(), octet.size(), "%02X:", byte);
    text += octet.data();
  }
  if (!text.empty()) text.pop_back();
  return text;
}

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

TEST(Authority, CrossSigningGivesAnotherPath) {
  const Hierarchy made;
  const auto older = Authority::root(KeyPair::generate(KeyType::rsa2048), authority_spec("Older Root TEST"));
  const auto cross = older.cross_sign(made.root);
  EXPECT_EQ(cross.subject(), made.root.certificate().subject());
  EXPECT_EQ(cross.issuer(), older.certificate().subject());
  EXPECT_EQ(cross.spki(), made.root.key().spki());
  EXPECT_NE(cross.serial(), made.root.certificate().serial());
  EXPECT_TRUE(holds(extension(cross, "authorityKeyIdentifier"), colons(older.key().key_id())));
  auto presented = made.credential().chain;
  EXPECT_NE(cli_verify({older.certificate()}, presented), "");
  presented.push_back(cross);
  EXPECT_EQ(cli_verify({older.certificate()}, presented, {"-x509_strict"}), "");
}

TEST(Authority, NeedsItsOwnKey) {
  const Hierarchy made;
  EXPECT_EQ(kind_of([&] { Authority(made.leaf_key, made.root.certificate()); }), ErrorKind::input);
  const Authority elsewhere(KeyPair::from_pem(made.root.certificate().pem()), made.root.certificate());
  EXPECT_EQ(kind_of([&] { (void)elsewhere.issue(made.leaf_key, leaf_spec()); }), ErrorKind::input);
}

TEST(Certificate, ReadsAListAndWritesItBack) {
  const auto chain = Hierarchy().credential().chain;
  EXPECT_EQ(Certificate::list_from_pem("words before\n" + test::pem_of(chain)), chain);
  EXPECT_EQ(Certificate::from_pem(chain[0].pem()), chain[0]);
  EXPECT_EQ(kind_of([] { Certificate::list_from_pem("nothing here"); }), ErrorKind::input);
}

TEST(Certificate, SaysWhenItsBytesAreNone) {
  const Certificate broken(Bytes{0x30, 0x03, 1, 2, 3});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(kind_of([&] { (void)broken.subject(); }), ErrorKind::input);
  }
}

TEST(Certificate, IsSharedBetweenThreads) {
  const Hierarchy made;
  const auto leaf = made.credential().leaf();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&made, leaf] {
      EXPECT_EQ(leaf.common_name(), test::kHost);
      for (int j = 0; j < 20; ++j) EXPECT_EQ(made.credential().leaf().spki(), leaf.spki());
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(TrustStore, HoldsTheCertificatesAsTrusted) {
  const Hierarchy made;
  const Hierarchy other("Other");
  const auto p12 = trust_store_p12({made.root.certificate(), other.root.certificate()}, "changeit");
  const Directory directory;
  const auto file = directory.write("trust.p12", {reinterpret_cast<const char*>(p12.data()), p12.size()});
  const auto read = openssl_text({"pkcs12", "-in", file, "-passin", "pass:changeit", "-nokeys"});
  EXPECT_EQ(Certificate::list_from_pem(read), (std::vector{made.root.certificate(), other.root.certificate()}));
  // OpenSSL has a name for it since 3.2.
  EXPECT_TRUE(holds(read, "2.16.840.1.113894.746875.1.1") || holds(read, "Trusted key usage (Oracle)"))
      << "without it Java trusts nothing of it:\n"
      << read;
  EXPECT_TRUE(holds(read, "friendlyName: trusted-1"));
  EXPECT_TRUE(holds(read, "friendlyName: trusted-2"));
  EXPECT_NE(openssl({"pkcs12", "-in", file, "-passin", "pass:wrong", "-nokeys"}).exit_code, 0);
}

}  // namespace
}  // namespace pindrill

#include "pindrill/pki.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/certificates.h"
#include "support/command.h"
#include "support/hierarchy.h"

namespace pindrill {
namespace {

using test::authority_spec;
using test::cli_verify;
using test::colons;
using test::Directory;
using test::extension;
using test::Hierarchy;
using test::holds;
using test::kind_of;
using test::leaf_spec;
using test::openssl;
using test::openssl_text;

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

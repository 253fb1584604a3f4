#include <gtest/gtest.h>

#include <algorithm>

#include "pindrill/tls.h"
#include "support/tls_client.h"

namespace pindrill {
namespace {

using Numbers = std::vector<std::uint16_t>;

void number(Bytes& to, std::size_t value) {
  to.push_back(static_cast<unsigned char>(value >> 8));
  to.push_back(static_cast<unsigned char>(value));
}

void list(Bytes& to, const Numbers& values) {
  number(to, 2 * values.size());
  for (const auto value : values) number(to, value);
}

/// A ClientHello with what a fingerprint is made of.
struct Hello {
  std::uint16_t legacy = 0x0303;
  Numbers ciphers = {};
  Numbers extensions = {};  ///< types, in this order
  std::string sni = "app.pin.test";
  std::string alpn = "h2";
  Numbers versions = {0x0304, 0x0303};
  Numbers signatures = {};

  Bytes record() const {
    Bytes body;
    number(body, legacy);
    body.insert(body.end(), 32, 7);
    body.push_back(0);
    list(body, ciphers);
    body.insert(body.end(), {1, 0});
    Bytes all;
    for (const auto type : extensions) {
      const auto content = extension(type);
      number(all, type);
      number(all, content.size());
      all.insert(all.end(), content.begin(), content.end());
    }
    number(body, all.size());
    body.insert(body.end(), all.begin(), all.end());
    Bytes bytes = {22, 3, 1};
    number(bytes, body.size() + 4);
    bytes.insert(bytes.end(), {1, 0});
    number(bytes, body.size());
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
  }

  /// As the server's end notes it.
  ClientHello read() const {
    Observation facts;
    Connection connection(std::make_shared<const ServerContext>(TlsOptions{}), facts);
    connection.receive(record());
    return facts.hello.value();
  }

 private:
  Bytes extension(std::uint16_t type) const {
    Bytes content;
    switch (type) {
      case TLSEXT_TYPE_server_name:
        number(content, sni.size() + 3);
        content.push_back(0);
        number(content, sni.size());
        content.insert(content.end(), sni.begin(), sni.end());
        break;
      case TLSEXT_TYPE_application_layer_protocol_negotiation:
        number(content, alpn.size() + 1);
        content.push_back(static_cast<unsigned char>(alpn.size()));
        content.insert(content.end(), alpn.begin(), alpn.end());
        break;
      case TLSEXT_TYPE_supported_versions:
        content.push_back(static_cast<unsigned char>(2 * versions.size()));
        for (const auto version : versions) number(content, version);
        break;
      case TLSEXT_TYPE_signature_algorithms:
        list(content, signatures);
        break;
      default:
        break;
    }
    return content;
  }
};

/// Chrome 103 or so: the example of the JA4 specification, whose raw form (JA4_r) it is made from:
/// t13d1516h2_002f,0035,009c,…,cca9_0005,000a,…,ff01_0403,0804,0401,0503,0805,0501,0806,0601
Hello chrome() {
  Hello hello;
  hello.ciphers = {0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  hello.extensions = {0x4a4a, 0x0000, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0010, 0x0005,
                      0x000d, 0x0012, 0x0033, 0x002d, 0x002b, 0x001b, 0x4469, 0xdada, 0x0015};
  hello.versions = {0x2a2a, 0x0304, 0x0303};
  hello.signatures = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  return hello;
}

TEST(Ja4, ThePublishedExample) { EXPECT_EQ(chrome().read().ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1"); }

TEST(Ja4, OrderAndGreaseDoNotMatterButTheOrderOfSignatureAlgorithmsDoes) {
  auto hello = chrome();
  std::reverse(hello.ciphers.begin(), hello.ciphers.end());
  std::reverse(hello.extensions.begin(), hello.extensions.end());
  hello.versions = {0xfafa, 0x0303, 0x0304};
  EXPECT_EQ(hello.read().ja4, chrome().read().ja4);
  std::reverse(hello.signatures.begin(), hello.signatures.end());
  EXPECT_NE(hello.read().ja4, chrome().read().ja4);
}

TEST(Ja4, FirstPart) {
  const auto start = [](const Hello& hello) { return hello.read().ja4.substr(0, 10); };
  auto hello = chrome();
  hello.alpn = "http/1.1";
  EXPECT_EQ(start(hello), "t13d1516h1");
  hello.alpn = std::string(1, 'x');  // g++ 12 warns of the assignment of a literal of one character
  EXPECT_EQ(start(hello), "t13d1516xx");
  hello.alpn = "\xab\xcd";
  EXPECT_EQ(start(hello), "t13d1516ad") << "the first and last digit of its hexadecimal form";
  hello = chrome();
  std::erase(hello.extensions, 0x0010);
  EXPECT_EQ(start(hello), "t13d151500");
  hello = chrome();
  std::erase(hello.extensions, 0x0000);
  EXPECT_EQ(start(hello), "t13i1515h2");
  std::erase(hello.extensions, 0x002b);
  EXPECT_EQ(start(hello), "t12i1514h2") << "without the extension the old field tells";
  hello.legacy = 0x0301;
  EXPECT_EQ(start(hello), "t10i1514h2");
  hello.ciphers = Numbers(120, 0x1301);
  EXPECT_EQ(start(hello), "t10i9914h2");
}

TEST(Ja4, NothingToHash) {
  Hello hello;
  hello.ciphers = {};
  hello.extensions = {};
  EXPECT_EQ(hello.read().ja4, "t12i000000_000000000000_000000000000");
}

TEST(StackFingerprint, LeavesOutWhatOneStackVaries) {
  const auto stack = chrome().read().stack;
  auto hello = chrome();
  hello.sni = "other.test";
  hello.alpn = "http/1.1";
  EXPECT_EQ(hello.read().stack, stack);
  // A WebSocket to an address, resumed: no name, no ALPS, no padding.
  std::erase(hello.extensions, 0x0000);
  std::erase(hello.extensions, 0x0010);
  std::erase(hello.extensions, 0x4469);
  std::erase(hello.extensions, 0x0015);
  std::erase(hello.extensions, 0x0023);
  hello.extensions.insert(hello.extensions.end(), {0x002a, 0x0029});
  EXPECT_EQ(hello.read().stack, stack);
  std::erase(hello.ciphers, 0x0035);
  EXPECT_NE(hello.read().stack, stack);
}

TEST(StackFingerprint, AnotherVersionOrExtensionIsAnotherStack) {
  auto hello = chrome();
  hello.versions = {0x0303};
  EXPECT_NE(hello.read().stack, chrome().read().stack);
  hello = chrome();
  std::erase(hello.extensions, 0x001b);
  EXPECT_NE(hello.read().stack, chrome().read().stack);
}

TEST(ClientHelloReading, ComesInPiecesAndInSeveralRecords) {
  auto hello = chrome();
  hello.alpn = std::string(200, 'x');
  const auto whole = hello.record();
  Bytes records;  // 50 octets each
  for (std::size_t at = 5; at < whole.size(); at += 50) {
    const auto size = std::min<std::size_t>(50, whole.size() - at);
    records.insert(records.end(), {22, 3, 1, 0, static_cast<unsigned char>(size)});
    records.insert(records.end(), whole.begin() + static_cast<std::ptrdiff_t>(at),
                   whole.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  Observation facts;
  Connection connection(std::make_shared<const ServerContext>(TlsOptions{}), facts);
  for (std::size_t at = 0; at < records.size(); ++at) {
    EXPECT_FALSE(facts.hello) << at;
    connection.receive(std::span(records).subspan(at, 1));
  }
  ASSERT_TRUE(facts.hello);
  EXPECT_EQ(facts.hello->ja4, hello.read().ja4);
  EXPECT_EQ(facts.hello->sni, "app.pin.test");
}

}  // namespace
}  // namespace pindrill

#include "pindrill/http.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/tls_client.h"

namespace pindrill {
namespace {

using test::bytes_of;

const std::string kSecret = "pd7s0123456789abcdef01234567";
const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(int type, std::string_view payload) {
  std::string text(9, '\0');
  text[1] = static_cast<char>(payload.size() >> 8);
  text[2] = static_cast<char>(payload.size() & 0xff);
  text[3] = static_cast<char>(type);
  return text + std::string(payload);
}

RequestReader read(std::string_view text, std::size_t piece = std::string::npos) {
  RequestReader reader;
  for (std::size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) {
    reader.feed(bytes_of(text.substr(at, piece)));
  }
  return reader;
}

struct Speech {
  const char* name;
  std::string text;
  Progress progress;
  bool complete = false;
  std::string line = {};
  std::uint64_t data = std::string::npos;  ///< all of it
};

std::ostream& operator<<(std::ostream& out, const Speech& speech) { return out << speech.name; }

class HowFar : public ::testing::TestWithParam<Speech> {
 protected:
  static void expect(const RequestReader& reader) {
    const auto& speech = GetParam();
    const auto data = std::min<std::uint64_t>(speech.data, speech.text.size());
    EXPECT_EQ(reader.progress(), speech.progress);
    EXPECT_EQ(reader.complete(), speech.complete);
    EXPECT_EQ(reader.request_line(), speech.line);
    EXPECT_EQ(reader.data_bytes(), data);
    EXPECT_EQ(reader.boilerplate_bytes(), speech.text.size() - data);
  }
};

TEST_P(HowFar, IsKnownInOnePiece) { expect(read(GetParam().text)); }

TEST_P(HowFar, IsKnownByteByByte) { expect(read(GetParam().text, 1)); }

TEST_P(HowFar, IsKnownSplitAnywhere) {
  const std::string_view text = GetParam().text;
  for (std::size_t at = 1; at < text.size(); ++at) {
    SCOPED_TRACE(at);
    RequestReader reader;
    reader.feed(bytes_of(text.substr(0, at)));
    reader.feed(bytes_of(text.substr(at)));
    expect(reader);
  }
}

const std::string kSettings = frame(4, std::string("\0\3\0\0\0\x64", 6));
const std::string kGoaway = std::string("\0\0\0\0\0\0\0\0", 8);

INSTANTIATE_TEST_SUITE_P(
    Speeches, HowFar,
    ::testing::Values(
        Speech{"Nothing", "", Progress::nothing},
        Speech{"Get", "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", Progress::headers, true, "GET /a HTTP/1.1"},
        Speech{"Http10", "GET / HTTP/1.0\r\n\r\n", Progress::headers, true, "GET / HTTP/1.0"},
        Speech{"PartialLine", "GET /abc", Progress::request_line},
        Speech{"PartialHead", "GET /a HTTP/1.1\r\nHost: x\r\nAuth", Progress::request_line, false, "GET /a HTTP/1.1"},
        Speech{"Post", "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", Progress::body, true, "POST /a HTTP/1.1"},
        Speech{"PartialBody", "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel", Progress::body, false,
               "POST /a HTTP/1.1"},
        Speech{"BodyToCome", "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n", Progress::headers, false,
               "POST /a HTTP/1.1"},
        Speech{"Chunked", "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Progress::body,
               true, "PUT /a HTTP/1.1"},
        Speech{"WebSocket", "GET /a HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Progress::headers,
               true, "GET /a HTTP/1.1"},
        Speech{"Mqtt", std::string("\x10\x10\0\4MQTT\4\2\0\x3c\0\4user", 18), Progress::other},
        Speech{"Smtp", "EHLO client.pin.test\r\nAUTH PLAIN AHVzZXIAcGFzcw==\r\n", Progress::other},
        Speech{"Postgres", std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8), Progress::other},
        Speech{"PartOfPreface", kPreface.substr(0, 10), Progress::request_line},
        Speech{"Preface", kPreface, Progress::boilerplate, false, "", 0},
        Speech{"PrefaceAndSettings",
               kPreface + kSettings + frame(8, std::string("\0\0\1\0", 4)) + frame(6, "12345678") + frame(4, ""),
               Progress::boilerplate, false, "", 0},
        Speech{"H2Priority", kPreface + kSettings + frame(2, std::string("\0\0\0\0\xc8", 5)), Progress::boilerplate,
               false, "", 0},
        Speech{"H2Goaway", kPreface + kSettings + frame(7, kGoaway), Progress::boilerplate, false, "", 0},
        Speech{"H2GoawayAndDebugData", kPreface + kSettings + frame(7, kGoaway + "why"), Progress::boilerplate, false,
               "", 20},
        Speech{"H2PingOfAnotherSize", kPreface + kSettings + frame(6, "123456789"), Progress::boilerplate, false, "",
               18},
        Speech{"H2Headers", kPreface + kSettings + frame(1, "abcdef"), Progress::headers, false, "", 15},
        Speech{"H2Body", kPreface + kSettings + frame(1, "abcdef") + frame(0, "xy"), Progress::body, false, "", 26},
        Speech{"Ssl2Hello", std::string("\x80\x2e\1\3\3\0\x15\0\0\0\x10", 11), Progress::other},
        Speech{"AlmostThePreface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", Progress::other}),
    [](const auto& info) { return info.param.name; });

TEST(RequestReader, HidesSecretsAndQueryValues) {
  EXPECT_EQ(read("GET /" + kSecret + "?user=me&token=x HTTP/1.1\r\nHost: x\r\n\r\n").request_line(),
            "GET /<secret>?<redacted> HTTP/1.1");
  EXPECT_EQ(read("GET /" + kSecret + "/" + kSecret + " HTTP/1.1\r\n\r\n").request_line(),
            "GET /<secret>/<secret> HTTP/1.1");
  EXPECT_EQ(read("GET /?a b HTTP/1.1\r\n\r\n").request_line().find("a b"), std::string::npos);
}

TEST(RequestReader, KeepsNoLineOfAnotherProtocol) {
  for (const auto& text : {"AUTH PLAIN AHVzZXIAcGFzcw==\r\n", "AUTH PLAIN AHVz", "GET /a\r\n", "GET /a FTP/1.1\r\n"}) {
    EXPECT_EQ(read(text).request_line(), "") << text;
  }
}

TEST(RequestReader, AHugeHeadOrBodyEndsTheReadingNotTheCounting) {
  const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x');
  EXPECT_EQ(read(head, 1000).progress(), Progress::other);
  EXPECT_EQ(read(head, 1000).data_bytes(), head.size());
  EXPECT_LE(read("GET /" + std::string(200'000, 'x') + " HTTP/1.1\r\n\r\n", 1000).request_line().size(), 2000U);
}

TEST(RequestReader, GarbageIsData) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text(random() % 300, '\0');
    for (auto& c : text) c = static_cast<char>(random());
    EXPECT_EQ(read(text, 1 + random() % 50).data_bytes(), text.size());
  }
}

std::vector<std::string> secrets_in(std::string_view text, std::size_t piece) {
  SecretScanner scanner;
  for (std::size_t at = 0; at < text.size(); at += piece) scanner.feed(bytes_of(text.substr(at, piece)));
  return scanner.found();
}

TEST(SecretScanner, FindsSecretsInPiecesOfAnySize) {
  const std::string other = "pd7sffffffffffffffffffffffff";
  const auto text = "xx pd7spd7" + kSecret + other + kSecret + " pd7s01 " + kSecret + "89";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(secrets_in(text, piece), (std::vector<std::string>{kSecret, other})) << piece;
  }
}

TEST(SecretScanner, FindsOneBehindManyThatWereMadeUp) {
  std::string text;
  for (char first = '0'; first <= '9'; ++first) {
    for (const char second : {'a', 'b', 'c', 'd'})
      text += std::string("pd7s") + first + second + std::string(22, '0') + " ";
  }
  const auto found = secrets_in(text + kSecret, 100);
  EXPECT_EQ(found.size(), 41U);
  EXPECT_EQ(found.back(), kSecret);
}

TEST(SecretScanner, TakesNothingElse) {
  for (const auto& text : {"pd7s0123456789abcdef0123456", "pd7s0123456789abcdef0123456G",
                           "PD7S0123456789abcdef01234567", "pd7s 123456789abcdef01234567"}) {
    EXPECT_TRUE(secrets_in(text, 1).empty()) << text;
    EXPECT_TRUE(secrets_in(text, 100).empty()) << text;
  }
}

}  // namespace
}  // namespace pindrill

#include "pindrill/interceptor.h"

#include <gtest/gtest.h>

#include "pindrill/server.h"
#include "support/interception.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::client_hello;
using test::connect_through;
using test::Doorstep;
using test::Interception;
using test::kHost;
using test::Socket;
using test::SocketEnd;
using test::TlsClient;

const std::string kSecret = "pd7s0123456789abcdef01234567";
const std::string kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncanary";

constexpr const char* kDirect = "127.0.0.3";

struct Case {
  Way way;
  const char* name;
  bool staging;
};

std::ostream& operator<<(std::ostream& out, const Case& each) {
  return out << each.name << (each.staging ? "Staged" : "PassedThrough");
}

/// curl, the interceptor, and a genuine server.
class EveryWay : public ::testing::TestWithParam<Case> {
 protected:
  EveryWay()
      : between_([](InterceptorOptions& options) { options.route.hosts[kHost] = "127.0.0.2"; }),
        server_(server_loop_, "127.0.0.2", 0, std::make_shared<const ServerContext>(TlsOptions{}), shown()) {}

  Shown shown() const { return {"", std::make_shared<const Credential>(between_.genuine.credential()), kResponse}; }

  std::uint16_t listen() {
    if (GetParam().way == Way::reverse) {
      return between_.reverse(server_.port());
    }
    if (GetParam().way != Way::direct) return between_.interceptor.listen(GetParam().way, "127.0.0.1", 0);
    // Names resolve to us: the port is the server's. Nobody else has it at this address.
    return between_.interceptor.listen(Way::direct, kDirect, server_.port());
  }

  test::Finished curl(const std::string& trust) {
    const auto port = std::to_string(listen());
    const bool by_proxy = GetParam().way == Way::proxy || GetParam().way == Way::socks;
    const auto asked = by_proxy ? std::to_string(server_.port()) : port;
    const auto proxy = std::string(GetParam().way == Way::proxy ? "http" : "socks5h") + "://127.0.0.1:" + port;
    std::vector<std::string> command = {"curl", "-q", "-sS", "--max-time", "20", "--cacert", trust};
    if (by_proxy) {
      command.insert(command.end(), {"--proxy", proxy, "--noproxy", ""});
    } else {
      command.insert(command.end(), {"--noproxy", "*", "--resolve",
                                     std::string(kHost) + ":" + asked + ":" +
                                         (GetParam().way == Way::direct ? kDirect : "127.0.0.1")});
    }
    command.push_back("https://" + std::string(kHost) + ":" + asked + "/" + kSecret + "?token=hidden");
    return test::run(command);
  }

  Interception between_;
  Loop server_loop_;
  Server server_;
};

INSTANTIATE_TEST_SUITE_P(Ways, EveryWay,
                         ::testing::Values(Case{Way::proxy, "Proxy", false}, Case{Way::proxy, "Proxy", true},
                                           Case{Way::socks, "Socks", false}, Case{Way::socks, "Socks", true},
                                           Case{Way::reverse, "Reverse", false}, Case{Way::reverse, "Reverse", true},
                                           Case{Way::direct, "Direct", false}, Case{Way::direct, "Direct", true}),
                         [](const auto& info) { return ::testing::PrintToString(info.param); });

TEST_P(EveryWay, CurlIsAnswered) {
  between_.answer(GetParam().staging);
  const auto finished = curl(between_.directory.path(GetParam().staging ? "test-ca.pem" : "genuine.pem"));
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(finished.output, "canary");
  const auto contact = between_.contact();
  EXPECT_EQ(contact.way, GetParam().way);
  EXPECT_EQ(contact.host, kHost);
  EXPECT_EQ(contact.client, "127.0.0.1");
  EXPECT_EQ(contact.upstream_address, "127.0.0.2");
  EXPECT_EQ(contact.port, server_.port());
  EXPECT_EQ(contact.failure, "");
  EXPECT_EQ(contact.upstream_failure, "");
  EXPECT_GE(contact.upstream_bytes, kResponse.size());
  EXPECT_FALSE(contact.plaintext_forwarded);
  EXPECT_EQ(contact.seen.hello->sni, kHost);
  EXPECT_NE(contact.seen.ended, Ended::open) << "curl may be gone before the server's close_notify comes";
  if (GetParam().staging) {
    EXPECT_EQ(contact.condition, "trusted-ca");
    EXPECT_EQ(contact.seen.request_line, "GET /<secret>?<redacted> HTTP/1.1");
    EXPECT_EQ(contact.seen.secrets, std::vector{kSecret});
    EXPECT_EQ(contact.seen.alpn, "http/1.1");
    EXPECT_NE(contact.seen.response_sent_at, 0);
    EXPECT_NE(test::text_of(contact.plaintext).find("token=hidden"), std::string::npos);
    EXPECT_TRUE(contact.passed_records.empty());
  } else {
    EXPECT_EQ(contact.condition, "pass-through");
    EXPECT_EQ(contact.passed_version, "TLSv1.3");
    EXPECT_GE(contact.passed_records.size(), 2U);
    EXPECT_EQ(contact.seen.data_bytes, 0U);
    EXPECT_TRUE(contact.plaintext.empty());
  }
}

TEST_P(EveryWay, CurlRefusesWhatItDoesNotTrust) {
  between_.answer(GetParam().staging);
  EXPECT_EQ(curl(between_.directory.path(GetParam().staging ? "genuine.pem" : "test-ca.pem")).exit_code, 60);
  const auto contact = between_.contact();
  EXPECT_EQ(contact.seen.data_bytes, 0U);
  EXPECT_TRUE(contact.plaintext.empty());
  EXPECT_EQ(contact.failure, "");
  EXPECT_EQ(contact.upstream_failure, "");
  if (!GetParam().staging) return;
  EXPECT_NE(contact.seen.flight_sent_at, 0);
  ASSERT_FALSE(contact.seen.alerts.empty());
  EXPECT_EQ(contact.seen.alerts[0].number, SSL_AD_UNKNOWN_CA);
  EXPECT_FALSE(contact.seen.alerts[0].sent);
}

/// Raw sockets on both sides.
class Between : public ::testing::Test {
 protected:
  std::uint16_t reverse() { return between_.reverse(door_.port()); }
  std::string authority() const { return std::string(kHost) + ":" + std::to_string(door_.port()); }

  Interception between_{[](InterceptorOptions& options) { options.route.timeout = 10s; }};
  Doorstep door_;
};

TEST_F(Between, WhatIsPassedThroughIsUntouched) {
  Socket client(between_.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  EXPECT_EQ(connect_through(client, authority()), "HTTP/1.1 200 Connection established\r\n\r\n");
  auto upstream = door_.accept();
  const auto sent = client_hello() + std::string("whatever\0follows", 16);
  client.send(sent);
  const auto question = between_.question();
  client.send("and more before it is decided");
  between_.pass(question.id);
  const auto all = sent + "and more before it is decided";
  std::string heard;
  while (heard.size() < all.size()) heard += upstream.receive();
  EXPECT_EQ(heard, all);
  upstream.send("no TLS at all");
  EXPECT_EQ(client.receive(), "no TLS at all");
}

TEST_F(Between, AClientHelloMayComeOctetByOctet) {
  Socket client(reverse());
  for (const char octet : client_hello()) client.send({&octet, 1});
  const auto question = between_.question();
  EXPECT_EQ(question.host, kHost);
  EXPECT_EQ(question.port, door_.port());
  EXPECT_EQ(question.hello.sni, kHost);
}

TEST_F(Between, AClientHelloMayBeLargerThanARecord) {
  Socket client(reverse());
  test::ClientOptions options;
  for (int i = 0; i < 200; ++i) options.alpn.push_back(std::string(240, 'a') + std::to_string(i));
  const auto hello = client_hello(options);
  ASSERT_GT(hello.size(), 45'000U);
  client.send(hello);
  EXPECT_EQ(between_.question().hello.alpn, options.alpn);
}

TEST_F(Between, GarbageAndHellosThatNeverEndAreEnded) {
  const auto port = reverse();
  Socket wrong(port);
  wrong.send(std::string("\x16\x03\x01\x02\x00garbage", 12) + std::string(600, 'x'));
  wrong.read_all();
  wrong.close();
  const auto contact = between_.contact();
  EXPECT_TRUE(contact.failure.starts_with("no ClientHello: ")) << contact.failure;
  EXPECT_FALSE(contact.seen.plaintext);
  EXPECT_EQ(contact.condition, "");
  Socket endless(port);
  endless.send(std::string("\x16\x03\x01\x40\x00\x01\x01\xff\xff\x03\x03", 11) + std::string(16373, 'x'));
  for (int i = 0; i < 7; ++i) endless.send(std::string("\x16\x03\x01\x40\x00", 5) + std::string(16384, 'x'));
  endless.read_all();
  endless.close();
  EXPECT_NE(between_.contact().failure, "");
}

TEST_F(Between, OddNamesAreEndedAndNobodyIsAsked) {
  using namespace std::string_literals;
  for (const auto& name : {"app pin.test"s, "app.pin.test\x01"s, ".pin.test"s, "\xffpp"s, "."s}) {
    // It is put into a good ClientHello where another of its length stands.
    test::ClientOptions options;
    options.host = std::string(name.size(), 'n');
    auto hello = client_hello(options);
    const auto entry = std::string("\0\0", 2) + static_cast<char>(name.size());  // RFC 6066: type and length
    hello.replace(hello.find(entry + options.host) + entry.size(), name.size(), name);
    Socket client(reverse());
    client.send(hello);
    client.read_all();
    const auto contact = between_.contact();
    EXPECT_NE(contact.failure.find("server name"), std::string::npos) << contact.failure;
  }
}

TEST_F(Between, AServerMayBeTheFirstToSpeak) {
  Socket client(reverse());
  auto upstream = door_.accept();
  upstream.send("220 hello\r\n");
  EXPECT_EQ(client.receive(), "220 hello\r\n");
  client.send("EHLO\r\n");
  EXPECT_EQ(upstream.receive(), "EHLO\r\n");
  upstream.close();
  EXPECT_EQ(client.read_all(), "");
  client.close();
  const auto contact = between_.contact();
  EXPECT_TRUE(contact.seen.plaintext);
  EXPECT_TRUE(contact.plaintext_forwarded);
  EXPECT_EQ(contact.upstream_bytes, 11U);
  EXPECT_EQ(test::text_of(contact.plaintext), "EHLO\r\n");
}

TEST_F(Between, AServerMaySpeakFirstInATunnel) {
  const auto port = between_.interceptor.listen(Way::proxy, "127.0.0.1", 0);
  for (int i = 0; i < 20; ++i) {  // its words may come with the connection, or after
    Socket client(port);
    std::thread server([&] { door_.accept().send("220 hello\r\n"); });
    auto heard = connect_through(client, authority());
    heard += client.read_all();
    server.join();
    EXPECT_EQ(heard, "HTTP/1.1 200 Connection established\r\n\r\n220 hello\r\n");
    client.close();
    between_.contact();
  }
}

TEST_F(Between, AClientThatOnlyListensIsServed) {
  Socket client(reverse());
  auto upstream = door_.accept();
  client.finish();
  EXPECT_EQ(upstream.receive(), "");
  EXPECT_EQ(upstream.end(), SocketEnd::fin);
  upstream.send("the time is now");
  upstream.close();
  EXPECT_EQ(client.read_all(), "the time is now");
}

TEST_F(Between, PlainRequestsAreForwardedInOriginForm) {
  Socket client(between_.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  client.send("POST http://" + authority() + "/x?token=1 HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n");
  auto upstream = door_.accept();
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) head += upstream.receive();
  EXPECT_TRUE(head.starts_with("POST /x?token=1 HTTP/1.1\r\n")) << head;
  std::thread sender([&] { client.send(std::string(3'000'000, 'b')); });
  std::size_t body = 0;
  while (body < 3'000'000) body += upstream.receive().size();
  sender.join();
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  upstream.close();
  EXPECT_TRUE(client.read_all().ends_with("ok"));
  client.close();
  const auto contact = between_.contact();
  EXPECT_TRUE(contact.plaintext_forwarded);
  EXPECT_EQ(contact.seen.progress, Progress::body);
  EXPECT_EQ(contact.seen.request_line, "POST /x?<redacted> HTTP/1.1");
  EXPECT_GE(contact.seen.data_bytes, 3'000'000U);
  EXPECT_LE(contact.plaintext.size(), 64U * 1024);
  EXPECT_EQ(contact.condition, "");
}

TEST_F(Between, OneAnswersQuestionsOfOthersInTheMeantime) {
  Doorstep other;
  Socket first(between_.reverse(other.port()));
  first.send(client_hello());
  const auto held = between_.question();
  Socket second(reverse());
  second.send(client_hello());
  between_.pass(between_.question().id);
  EXPECT_NE(door_.accept().receive(), "");
  first.reset();
  second.reset();
  between_.pass(held.id);
  EXPECT_EQ(between_.contact().id + between_.contact().id, 3U) << "both, in either order";
}

TEST_F(Between, NothingToShowIsAnErrorOfTheCaller) {
  EXPECT_THROW(between_.interceptor.stage(1, "x", nullptr), Error);
  EXPECT_THROW(between_.interceptor.listen(Way::proxy, "127.0.0.1", 0, std::pair(std::string("x"), 1)), Error);
  EXPECT_THROW(between_.interceptor.listen(Way::reverse, "127.0.0.1", 0), Error);
  between_.pass(4711);  // of nobody
}

}  // namespace
}  // namespace pindrill

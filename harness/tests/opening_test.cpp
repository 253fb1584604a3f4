#include "opening.h"

#include <gtest/gtest.h>

#include "support/tls_client.h"

namespace pindrill {
namespace {

using test::bytes_of;
using State = Opening::State;
using namespace std::string_literals;

/// Fed in pieces of every size: the same must come of it.
struct Fed {
  State state = State::more;
  std::string answer;
  std::unique_ptr<Opening> opening;
};

Fed feed(std::unique_ptr<Opening> opening, std::string_view text, std::size_t piece) {
  Fed fed{State::more, "", std::move(opening)};
  std::string after;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (fed.state != State::more) {
      after = text.substr(at);
      break;
    }
    fed.state = fed.opening->feed(bytes_of(text.substr(at, piece)));
    fed.answer += fed.opening->answer();
  }
  return fed;
}

class HttpProxy : public ::testing::TestWithParam<std::size_t> {
 protected:
  Fed take(std::string_view text) { return feed(http_proxy_opening(), text, GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Pieces, HttpProxy, ::testing::Values(1, 7, 100'000));

TEST_P(HttpProxy, TakesATunnel) {
  const auto fed = take("CONNECT App.Pin.Test.:8443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic eA==\r\n\r\n");
  ASSERT_EQ(fed.state, State::connect);
  EXPECT_EQ(fed.opening->host(), "app.pin.test");
  EXPECT_EQ(fed.opening->port(), 8443);
  EXPECT_EQ(fed.opening->rest(), "");
  EXPECT_EQ(fed.opening->connected(), "HTTP/1.1 200 Connection established\r\n\r\n");
  EXPECT_TRUE(fed.opening->not_connected("no route").starts_with("HTTP/1.1 502 "));
  EXPECT_TRUE(fed.opening->refused("not there").starts_with("HTTP/1.1 403 "));
}

TEST_P(HttpProxy, TakesAddresses) {
  const auto v6 = take("CONNECT [2001:DB8::1]:443 HTTP/1.1\r\n\r\n");
  ASSERT_EQ(v6.state, State::connect);
  EXPECT_EQ(v6.opening->host(), "2001:db8::1");
  const auto v4 = take("CONNECT 192.0.2.7:443 HTTP/1.0\r\n\r\n");
  ASSERT_EQ(v4.state, State::connect);
  EXPECT_EQ(v4.opening->host(), "192.0.2.7");
}

TEST_P(HttpProxy, ForwardsAnAbsoluteForm) {
  const auto fed = take(
      "GET http://user:pass@app.pin.test:8080/a/b?c=d HTTP/1.1\r\nHost: other.test\r\nCookie: a=b\r\n"
      "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_EQ(fed.state, State::forward);
  EXPECT_EQ(fed.opening->host(), "app.pin.test");
  EXPECT_EQ(fed.opening->port(), 8080);
  EXPECT_TRUE(fed.opening->rest().starts_with("GET /a/b?c=d HTTP/1.1\r\n")) << fed.opening->rest();
  EXPECT_NE(fed.opening->rest().find("Cookie: a=b\r\n"), std::string::npos);
  EXPECT_NE(fed.opening->rest().find("close\r\n"), std::string::npos) << "the next may be for another server";
  EXPECT_EQ(fed.opening->rest().find("Proxy-"), std::string::npos);
  EXPECT_EQ(fed.opening->rest().find("keep-alive"), std::string::npos);
  EXPECT_EQ(fed.opening->connected(), "");
}

TEST_P(HttpProxy, KeepsAnUpgradeAndAddsAMissingPath) {
  const auto fed = take("GET http://app.pin.test?q HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  ASSERT_EQ(fed.state, State::forward);
  EXPECT_EQ(fed.opening->port(), 80);
  EXPECT_TRUE(fed.opening->rest().starts_with("GET /?q HTTP/1.1\r\n"));
  EXPECT_NE(fed.opening->rest().find("Connection: Upgrade\r\n"), std::string::npos);
}

TEST_P(HttpProxy, AnnouncedBodiesMayBeLarge) {
  const auto fed = take("POST http://app.pin.test/ HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n");
  EXPECT_EQ(fed.state, State::forward) << fed.answer;
}

TEST_P(HttpProxy, SaysWhatIsWrong) {
  for (const auto* text :
       {"GET / HTTP/1.1\r\n\r\n", "GET https://app.pin.test/ HTTP/1.1\r\n\r\n", "CONNECT app.pin.test HTTP/1.1\r\n\r\n",
        "CONNECT app.pin.test:99999 HTTP/1.1\r\n\r\n", "CONNECT app.pin.test:0 HTTP/1.1\r\n\r\n",
        "CONNECT :443 HTTP/1.1\r\n\r\n", "GET http:///x HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    const auto fed = take(text);
    EXPECT_EQ(fed.state, State::bad) << text;
    EXPECT_TRUE(fed.answer.starts_with("HTTP/1.1 400 ")) << text;
  }
}

TEST(HttpProxyLimits, AHeadThatNeverEndsIsRefused) {
  auto opening = http_proxy_opening();
  auto state = opening->feed(bytes_of("CONNECT app.pin.test:443 HTTP/1.1\r\nX: "));
  const std::string more(1000, 'x');
  int count = 0;
  while (state == State::more && ++count < 1000) state = opening->feed(bytes_of(more));
  EXPECT_EQ(state, State::bad);
  EXPECT_LT(count, 100);
}

TEST(HttpProxyLimits, WhatFollowsTheHeadBelongsToTheServer) {
  auto opening = http_proxy_opening();
  ASSERT_EQ(opening->feed(bytes_of("CONNECT a.test:1 HTTP/1.1\r\n\r\n\x16\x03hello")), State::connect);
  EXPECT_EQ(opening->rest(), "\x16\x03hello");
  opening = http_proxy_opening();
  ASSERT_EQ(opening->feed(bytes_of("POST http://a.test/ HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")), State::forward);
  EXPECT_TRUE(opening->rest().ends_with("\r\n\r\nbo"));
}

TEST(HostField, SaysWhereARequestGoes) {
  const std::string request = "GET /x HTTP/1.1\r\nHost: App.Pin.Test:81\r\n\r\n";
  const auto fed = feed(host_field_opening(80), request, 5);
  ASSERT_EQ(fed.state, State::forward);
  EXPECT_EQ(fed.opening->host(), "app.pin.test");
  EXPECT_EQ(feed(host_field_opening(80), "GET /x HTTP/1.1\r\n\r\n", 5).state, State::bad);
}

class Socks : public ::testing::TestWithParam<std::size_t> {
 protected:
  Fed take(std::string_view text) { return feed(socks_opening(), text, GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Pieces, Socks, ::testing::Values(1, 3, 1000));

TEST_P(Socks, TakesNamesAndAddresses) {
  const auto name = take("\x05\x02\x00\x02"s + "\x05\x01\x00\x03\x0c"s + "App.pin.test" + "\x01\xbb"s);
  ASSERT_EQ(name.state, State::connect);
  EXPECT_EQ(name.answer, "\x05\x00"s);
  EXPECT_EQ(name.opening->host(), "app.pin.test");
  EXPECT_EQ(name.opening->port(), 443);
  EXPECT_EQ(name.opening->connected(), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s);
  EXPECT_EQ(name.opening->not_connected("x")[1], 4);
  const auto v4 = take("\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"s);
  ASSERT_EQ(v4.state, State::connect);
  EXPECT_EQ(v4.opening->host(), "192.0.2.7");
  const auto v6 =
      take("\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb"s);
  ASSERT_EQ(v6.state, State::connect);
  EXPECT_EQ(v6.opening->host(), "2001:db8::1") << "RFC 5952: one address, one spelling";
}

TEST_P(Socks, RefusesWhatItCannotDo) {
  EXPECT_EQ(take("\x04\x01\x01\xbb\xc0\x00\x02\x07\x00"s).state, State::bad) << "version 4";
  EXPECT_EQ(take("\x05\x01\x02"s).answer, "\x05\xff"s) << "a password is wanted";
  EXPECT_EQ(take("\x05\x01\x00\x05\x02\x00\x01\xc0\x00\x02\x07\x01\xbb"s).answer.substr(2, 2), "\x05\x07"s) << "BIND";
  EXPECT_EQ(take("\x05\x01\x00\x05\x01\x00\x09\xc0\x00\x02\x07\x01\xbb"s).answer.substr(2, 2), "\x05\x08"s);
  EXPECT_EQ(take("\x05\x01\x00\x05\x01\x00\x03\x00\x01\xbb"s).state, State::bad) << "no name";
}

TEST(PlainHost, OneSpelling) {
  EXPECT_EQ(plain_host("App.Pin.Test."), "app.pin.test");
  EXPECT_EQ(plain_host("[2001:DB8::1]"), "2001:db8::1");
  EXPECT_EQ(plain_host(""), "");
}

}  // namespace
}  // namespace pindrill

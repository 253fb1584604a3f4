// Plain requests to a proxy: one goes on, to the server that it names.

#include <gtest/gtest.h>

#include "support/interception.h"

namespace pindrill {
namespace {

using test::connect_through;
using test::Doorstep;
using test::Interception;
using test::kHost;
using test::Socket;

/// Sends a first request, and what comes with and after it; what of all this its server got.
struct PlainProxy {
  std::string received(const std::string& first, const std::string& after = "") {
    Socket client(between.interceptor.listen(Way::proxy, "127.0.0.1", 0));
    client.send(first);
    auto upstream = door.accept();
    std::string got;
    while (got.find("LAST") == std::string::npos) got += upstream.receive();
    if (!after.empty()) {
      upstream.send(answer);
      std::string seen;
      while (seen.size() < answer.size()) seen += client.receive();
      client.send(after);
    } else {
      upstream.send(answer);
    }
    if (!keeps) upstream.close();
    told = client.read_all();
    client.close();
    if (keeps) got += upstream.read_all();
    contact = between.contact();
    return got;
  }

  std::string url() const { return "http://" + std::string(kHost) + ":" + std::to_string(door.port()); }
  std::string request(const std::string& head = "") const {
    return "GET " + url() + "/a HTTP/1.1\r\nHost: a\r\n" + head + "X: LAST\r\n\r\n";
  }

  Interception between;
  Doorstep door;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  bool keeps = false;  ///< the server does not close when it has answered
  std::string told;
  Contact contact;
};

constexpr const char* kSecond = "a second plain request on a connection to the proxy was not forwarded";
const std::string kOther = "GET http://other.pin.test/b HTTP/1.1\r\nHost: other.pin.test\r\nCookie: of=another\r\n\r\n";

TEST(PlainRequests, APipelinedSecondOneDoesNotGoToTheFirstHost) {
  PlainProxy proxy;
  const auto got = proxy.received(proxy.request() + kOther);
  EXPECT_TRUE(got.ends_with("X: LAST\r\nConnection: close\r\n\r\n")) << got;
  EXPECT_TRUE(proxy.told.ends_with("ok")) << "the first one is answered: " << proxy.told;
  EXPECT_EQ(proxy.contact.failure, kSecond);
  EXPECT_NE(test::text_of(proxy.contact.plaintext).find("of=another"), std::string::npos) << "it was readable";
}

TEST(PlainRequests, ASecondOneAfterTheAnswerEndsTheConnection) {
  PlainProxy proxy;
  proxy.keeps = true;
  const auto got = proxy.received(proxy.request(), kOther);
  EXPECT_EQ(got.find("other"), std::string::npos) << got;
  EXPECT_EQ(proxy.contact.failure, kSecond);
}

TEST(PlainRequests, ABodyIsForwardedToItsEndAndNoFurther) {
  for (const std::string body :
       {"Content-Length: 4\r\n\r\nLAST", "Transfer-Encoding: chunked\r\n\r\n4\r\nLAST\r\n0\r\n\r\n"}) {
    PlainProxy proxy;
    const auto got = proxy.received("POST " + proxy.url() + "/a HTTP/1.1\r\nHost: a\r\n" + body + kOther);
    EXPECT_EQ(got.find("other"), std::string::npos) << got;
    EXPECT_NE(got.find("LAST"), std::string::npos) << got;
    EXPECT_EQ(proxy.contact.failure, kSecond);
  }
}

TEST(PlainRequests, ABodyThatHasNoEndEndsTheConnectionAndNoOther) {
  Interception between;
  const Doorstep door;
  const auto port = between.interceptor.listen(Way::proxy, "127.0.0.1", 0);
  Socket client(port);
  client.send("POST http://" + std::string(kHost) + ":" + std::to_string(door.port()) +
              "/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(between.contact().failure, "a plain request of which nobody knows where it ends");
  Socket other(port);
  EXPECT_NE(connect_through(other, std::string(kHost) + ":" + std::to_string(door.port())), "");
}

TEST(PlainRequests, AnUpgradedConnectionGoesOn) {
  PlainProxy proxy;
  proxy.keeps = true;
  proxy.answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  Socket client(proxy.between.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  client.send(proxy.request("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  auto upstream = proxy.door.accept();
  std::string got;
  while (got.find("LAST") == std::string::npos) got += upstream.receive();
  upstream.send(proxy.answer);
  std::string seen;
  while (seen.size() < proxy.answer.size()) seen += client.receive();
  client.send("frames END");
  while (got.find("END") == std::string::npos) got += upstream.receive();
  EXPECT_TRUE(got.ends_with("frames END"));
}

TEST(PlainRequests, AnUpgradeThatWasDeclinedDoesNot) {
  PlainProxy proxy;
  proxy.keeps = true;
  const auto got = proxy.received(proxy.request("Upgrade: h2c\r\nConnection: Upgrade\r\n"), kOther);
  EXPECT_EQ(got.find("other"), std::string::npos) << got;
  EXPECT_EQ(proxy.contact.failure, kSecond);
}

}  // namespace
}  // namespace pindrill

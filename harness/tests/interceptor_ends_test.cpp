// What an interceptor refuses, what it waits for, and how connections through it end.

#include <gtest/gtest.h>

#include <atomic>

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

constexpr std::size_t kMiB = 1024 * 1024;

std::string answer_to_connect(Interception& between, const std::string& authority) {
  Socket client(between.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  const auto answer = connect_through(client, authority);
  return answer + client.read_all();
}

// --- refused ---------------------------------------------------------------------------------------------------

TEST(Refused, ConnectToNowhereSaysWhy) {
  Interception between;
  const auto port = std::to_string(Doorstep().port());  // closed again
  const auto answer = answer_to_connect(between, std::string(kHost) + ":" + port);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 502 ")) << answer;
  EXPECT_NE(answer.find("127.0.0.1: Connection refused"), std::string::npos) << answer;
  const auto contact = between.contact();
  EXPECT_EQ(contact.failure, "no connection to the upstream");
  EXPECT_EQ(contact.upstream_failure, "127.0.0.1: Connection refused");
  EXPECT_EQ(contact.host, kHost);
  EXPECT_NE(answer_to_connect(between, "no such host:1").find("400 "), std::string::npos);
  EXPECT_NE(answer_to_connect(between, "does-not-exist.invalid:443").find("not resolved"), std::string::npos);
}

TEST(Refused, PrivateAddressesUnlessAllowed) {
  Interception between([](InterceptorOptions& options) { options.route.private_addresses = false; });
  for (const auto* host : {"127.0.0.1",
                           "[::1]",
                           "[::ffff:10.0.0.1]",
                           "192.168.1.1",
                           "169.254.169.254",
                           "0.0.0.0",
                           "[::]",
                           "[fe80::1]",
                           "224.0.0.1",
                           "255.255.255.255",
                           "[ff02::1]",
                           "[fec0::1]",
                           "[::10.0.0.1]",
                           "[::ffff:0:10.0.0.1]",
                           "[64:ff9b::10.0.0.1]",
                           "[64:ff9b::127.0.0.1]",
                           "[64:ff9b:1::1]",
                           "[2002:a00:1::1]",
                           "[2001:0:102:304::f5ff:fffe]",
                           kHost}) {
    const auto answer = answer_to_connect(between, std::string(host) + ":443");
    EXPECT_NE(answer.find("is a private address"), std::string::npos) << answer;
  }
}

// --- loops -----------------------------------------------------------------------------------------------------

TEST(Refused, LoopsByWhateverAddress) {
  Interception between;
  const auto own = between.interceptor.listen(Way::proxy, "0.0.0.0", 0);
  for (const auto* host : {"127.0.0.1", "127.0.0.77", "0.0.0.0", kHost}) {
    Socket client(own);
    const auto answer = connect_through(client, std::string(host) + ":" + std::to_string(own));
    // It may be noticed when the far end is already there.
    if (!answer.empty()) client.send(client_hello());
    client.read_all();
    client.close();
    const auto contact = between.contact();
    EXPECT_NE(contact.upstream_failure.find("a loop"), std::string::npos) << host << ": " << contact.upstream_failure;
    EXPECT_TRUE(between.interceptor.open().empty()) << host;
  }
}

TEST(Refused, AListenerByItsAddressIsALoop) {
  Interception between;
  const auto own = between.interceptor.listen(Way::proxy, "127.0.0.1", 0);
  Socket client(own);
  EXPECT_NE(connect_through(client, "127.0.0.1:" + std::to_string(own)).find("a loop"), std::string::npos);
}

TEST(Refused, ClientsOfOtherNetworks) {
  Interception between([](InterceptorOptions& options) { options.clients = {"192.0.2.0/24"}; });
  Socket client(between.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(test::eventually([&] { return between.interceptor.denied() == 1; }));
  EXPECT_TRUE(between.interceptor.open().empty());
}

TEST(Refused, MoreConnectionsThanAllowedAreCounted) {
  Interception between([](InterceptorOptions& options) { options.max_connections = 1; });
  const auto port = between.interceptor.listen(Way::proxy, "127.0.0.1", 0);
  const Socket first(port);
  Socket second(port);
  EXPECT_EQ(second.read_all(), "");
  EXPECT_EQ(between.interceptor.turned_away(), 1U);
  EXPECT_EQ(between.interceptor.open().size(), 1U);
}

TEST(Refused, AServerThatIsNotVerifiedIsNeverAccepted) {
  Interception between;
  Server server(between.loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                {"", std::make_shared<const Credential>(between.test_ca.credential()), "x"});
  Socket socket(between.reverse(server.port()));
  TlsClient client({});
  client.handshake();
  socket.send(test::text_of(client.take_output()));
  between.stage(between.question().id);
  const auto heard = socket.read_all();
  socket.close();
  ASSERT_EQ(heard.size(), 7U) << "an alert, and no certificate";
  EXPECT_EQ(heard[0], SSL3_RT_ALERT);
  const auto contact = between.contact();
  EXPECT_NE(contact.upstream_failure.find("certificate is not good"), std::string::npos) << contact.upstream_failure;
  EXPECT_EQ(contact.seen.flight_made_at, 0);
  EXPECT_EQ(contact.seen.ended, Ended::fin);
  EXPECT_THROW(between.interceptor.fetch_chain(kHost, server.port()), Error);
}

// --- waited for ------------------------------------------------------------------------------------------------

TEST(Patience, EndsClientsThatSayNothingWhole) {
  Interception between([](InterceptorOptions& options) { options.patience = 50ms; });
  Socket silent(between.interceptor.listen(Way::proxy, "127.0.0.1", 0));
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_NE(between.contact().failure.find("in time"), std::string::npos);
  Doorstep door;
  Socket slow(between.reverse(door.port()));
  slow.send(client_hello().substr(0, 50));
  slow.read_all();
  EXPECT_NE(between.contact().failure.find("in time"), std::string::npos);
  Socket undecided(between.reverse(door.port()));
  undecided.send(client_hello());
  between.question();
  undecided.read_all();
  EXPECT_EQ(between.contact().failure, "nothing was decided in time");
}

TEST(Patience, EndsServersThatDoNotShakeHands) {
  Interception between([](InterceptorOptions& options) { options.route.timeout = 50ms; });
  Doorstep door;
  Socket client(between.reverse(door.port()));
  const auto mute = door.accept();
  client.send(client_hello());
  between.stage(between.question().id);
  EXPECT_EQ(client.read_all().size(), 7U) << "an alert";
  client.close();
  EXPECT_EQ(between.contact().upstream_failure, "no TLS handshake in time");
  EXPECT_THROW(between.interceptor.fetch_chain(kHost, door.port()), Error);
}

TEST(Patience, ClientsMayFloodWhileTheServerIsAwaited) {
  Interception between;
  Doorstep door;
  Socket client(between.reverse(door.port()));
  const auto mute = door.accept();
  client.send(client_hello());
  between.stage(between.question().id);
  std::atomic<std::size_t> sent = 0;
  std::thread flood([&] {
    const std::string part(64 * 1024, 'x');
    for (int i = 0; i < 2048 && client.end() == SocketEnd::timeout; ++i) {
      client.send(part);
      sent += part.size();
    }
  });
  std::size_t before = 1;
  while (before != sent) {
    before = sent;
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_LT(sent, 100 * kMiB) << "it has to wait";
  between.interceptor.end_all();
  flood.join();
}

// --- ended -----------------------------------------------------------------------------------------------------

/// A client that is passed through to a server, both raw.
class Passed : public ::testing::Test {
 protected:
  Passed() : client_(between_.reverse(door_.port())), upstream_(door_.accept()) {
    client_.send(client_hello());
    const auto question = between_.question();
    between_.pass(question.id);
    upstream_.receive();
  }

  Interception between_;
  Doorstep door_;
  Socket client_;
  Socket upstream_;
};

TEST_F(Passed, EachMayBeTheFirstToStopTalking) {
  client_.finish();
  EXPECT_EQ(upstream_.receive(), "");
  EXPECT_EQ(upstream_.end(), SocketEnd::fin);
  upstream_.send("answer");
  EXPECT_EQ(client_.receive(), "answer");
  EXPECT_EQ(between_.interceptor.open().size(), 1U);
  upstream_.close();
  EXPECT_EQ(client_.read_all(), "");
  EXPECT_EQ(client_.end(), SocketEnd::fin);
  EXPECT_EQ(between_.contact().seen.ended, Ended::fin);
}

TEST_F(Passed, TheServerFirst) {
  upstream_.finish();
  EXPECT_EQ(client_.receive(), "");
  EXPECT_EQ(client_.end(), SocketEnd::fin);
  client_.send("last words");
  EXPECT_EQ(upstream_.receive(), "last words");
  client_.close();
  EXPECT_EQ(upstream_.read_all(), "");
  EXPECT_EQ(between_.contact().failure, "");
}

TEST_F(Passed, NothingIsLostWhenBothHaveStoppedTalking) {
  client_.finish();
  const std::string large(16 * kMiB, 'x');
  std::thread sender([&] {
    upstream_.send(large);
    upstream_.close();
  });
  std::this_thread::sleep_for(100ms);  // until all buffers are full
  EXPECT_EQ(client_.read_all().size(), large.size());
  EXPECT_EQ(client_.end(), SocketEnd::fin);
  sender.join();
  EXPECT_EQ(between_.contact().upstream_bytes, large.size());
}

TEST_F(Passed, ResetsArePassedOn) {
  client_.reset();
  EXPECT_EQ(upstream_.read_all(), "");
  EXPECT_EQ(upstream_.end(), SocketEnd::reset);
  EXPECT_EQ(between_.contact().seen.ended, Ended::reset);
}

TEST_F(Passed, ResetsOfTheServerAsWell) {
  upstream_.reset();
  EXPECT_EQ(client_.read_all(), "");
  EXPECT_EQ(client_.end(), SocketEnd::reset);
  EXPECT_EQ(between_.contact().upstream_failure, "it reset the connection");
}

TEST_F(Passed, AFastServerWaitsForASlowClient) {
  std::atomic<std::size_t> sent = 0;
  const std::string part(kMiB, 'x');
  std::thread sender([&] {
    for (int i = 0; i < 128; ++i) {
      upstream_.send(part);
      sent += part.size();
    }
    upstream_.finish();
  });
  std::size_t before = 1;
  while (before != sent) {
    before = sent;
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_LT(sent, 100 * kMiB) << "it has to wait";
  EXPECT_EQ(client_.read_all().size(), 128 * kMiB);
  sender.join();
}

TEST_F(Passed, AClientThatIsGoneFreesAServerThatWaits) {
  std::thread sender([&] { upstream_.send(std::string(64 * kMiB, 'x')); });
  client_.receive();
  client_.reset();
  sender.join();
  EXPECT_EQ(between_.contact().seen.ended, Ended::reset);
}

TEST_F(Passed, EndAllEndsThem) {
  between_.interceptor.end_all();
  EXPECT_EQ(client_.read_all(), "");
  EXPECT_EQ(between_.contact().failure, "the interceptor was ended");
}

}  // namespace
}  // namespace pindrill

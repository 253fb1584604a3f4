#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "pindrill/server.h"
#include "support/serving.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::ClientOptions;
using test::kRequest;
using test::kResponse;
using test::ServerTest;
using test::Socket;
using test::SocketEnd;
using test::text_of;
using test::TlsClient;

class ServerEnds : public ServerTest {};
class ServerEndsVersions : public test::ServerVersions {};

INSTANTIATE_TEST_SUITE_P(Version, ServerEndsVersions, test::kVersions, test::version_name);

TEST_P(ServerEndsVersions, TheAnswerEndsWithCloseNotifyBeforeFin) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.send(kRequest);
  socket.send(text_of(client.take_output()));
  EXPECT_EQ(read_all(client, socket), kResponse);
  EXPECT_EQ(socket.end(), SocketEnd::fin);
  EXPECT_TRUE((SSL_get_shutdown(client.get()) & SSL_RECEIVED_SHUTDOWN) != 0) << "a client that reads to the end";
  EXPECT_FALSE(server_.settle(0ns)) << "the client's side is still open";
  socket.close();
  EXPECT_EQ(settled().at(0).ended, Ended::fin);
}

TEST_P(ServerEndsVersions, TheEndsOfAConnectionAreTold) {
  for (const auto end : {Ended::fin, Ended::reset}) {
    for (const bool notify : {false, true}) {
      Socket socket(server_.port());
      TlsClient client(ClientOptions{GetParam().number});
      ASSERT_TRUE(handshake(client, socket));
      SCOPED_TRACE(end == Ended::fin ? "fin" : "reset");
      if (notify) client.close();
      socket.send(text_of(client.take_output()));
      if (end == Ended::fin) {
        socket.finish();
        socket.read_all();  // to close with bytes unread would be a reset
        socket.close();
      } else {
        socket.reset();
      }
      const auto facts = settled().back();
      EXPECT_EQ(facts.ended, end);
      EXPECT_EQ(facts.close_notify, notify);
      EXPECT_NE(facts.finished_at, 0);
      EXPECT_EQ(facts.data_bytes, 0U);
      EXPECT_EQ(facts.failure, "");
    }
  }
}

TEST_P(ServerEndsVersions, CloseNotifyIsAnswered) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.close();
  socket.send(text_of(client.take_output()));
  EXPECT_EQ(read_all(client, socket), "");
  EXPECT_EQ(socket.end(), SocketEnd::fin);
  EXPECT_TRUE((SSL_get_shutdown(client.get()) & SSL_RECEIVED_SHUTDOWN) != 0);
}

TEST_P(ServerEndsVersions, ASilentEndAfterTheFlight) {
  for (const auto end : {Ended::fin, Ended::reset}) {
    Socket socket(server_.port());
    TlsClient client(ClientOptions{GetParam().number});
    client.handshake();
    socket.send(text_of(client.take_output()));
    EXPECT_FALSE(socket.receive().empty());
    end == Ended::fin ? socket.finish() : socket.reset();
    socket.read_all();
    socket.close();
    const auto facts = settled().back();
    EXPECT_EQ(facts.ended, end);
    EXPECT_NE(facts.flight_sent_at, 0);
    EXPECT_EQ(facts.finished_at, 0);
    EXPECT_TRUE(facts.alerts.empty());
  }
}

TEST_P(ServerEndsVersions, AnAnswerThatNobodyReadsWasNotDelivered) {
  server_.serve(shown("large", kResponse + std::string(32 * 1024 * 1024, 'x')));
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.send(kRequest);
  socket.send(text_of(client.take_output()));
  EXPECT_FALSE(socket.receive().empty());
  socket.reset();
  const auto facts = settled().at(0);
  EXPECT_EQ(facts.progress, Progress::headers);
  EXPECT_EQ(facts.response_sent_at, 0);
  EXPECT_LT(facts.bytes_out, 32U * 1024 * 1024);
}

TEST_P(ServerEndsVersions, ALargeAnswerIsDeliveredWhole) {
  const auto response = kResponse + std::string(8 * 1024 * 1024, 'x');
  server_.serve(shown("large", response));
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.send(kRequest);
  socket.send(text_of(client.take_output()));
  EXPECT_EQ(read_all(client, socket), response);
  socket.close();
  EXPECT_NE(settled().at(0).response_sent_at, 0);
}

TEST_F(ServerEnds, SettleWaitsForTheLastEnd) {
  EXPECT_TRUE(server_.settle(0ns + 20s)) << "nothing has come";
  Socket first(server_.port());
  Socket second(server_.port());
  EXPECT_FALSE(server_.settle(0ns));
  first.close();
  EXPECT_FALSE(server_.settle(1ms));
  auto waiting = std::async(std::launch::async, [&] { return server_.settle(20s); });
  second.close();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(server_.observations().size(), 2U);
  EXPECT_EQ(server_.connections(), 2U);
}

TEST_F(ServerEnds, AQueueOfDeadConnectionsIsTakenWhole) {
  constexpr std::size_t count = 900;
  loop_.run([&] {  // while the loop is here, it accepts nothing
    for (std::size_t i = 0; i < count; ++i) Socket(server_.port()).send(kRequest);
  });
  const auto all = settled();
  ASSERT_EQ(all.size(), count);
  for (const auto& facts : all) {
    EXPECT_EQ(facts.secrets.size(), 1U);
    EXPECT_NE(facts.ended, Ended::open);
  }
}

TEST_F(ServerEnds, EndsWithOpenConnections) {
  auto server = std::make_unique<Server>(loop_, "127.0.0.1", std::uint16_t{0},
                                         std::make_shared<const ServerContext>(TlsOptions{}), shown());
  Socket idle(server->port());
  Socket busy(server->port());
  TlsClient client(ClientOptions{});
  ASSERT_TRUE(handshake(client, busy));
  server.reset();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(busy.read_all(), "");
}

}  // namespace
}  // namespace pindrill

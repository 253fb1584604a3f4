// What becomes of connections that are shown a credential of ours, once they carry data.

#include <gtest/gtest.h>

#include "pindrill/server.h"
#include "support/interception.h"

namespace pindrill {
namespace {

using test::Doorstep;
using test::Interception;
using test::kHost;
using test::Socket;
using test::SocketEnd;
using test::TlsClient;

constexpr std::size_t kMiB = 1024 * 1024;

/// A client that is shown a credential of ours has said something to its server; both are in our hands.
class StagedRaw : public ::testing::TestWithParam<int> {
 protected:
  StagedRaw()
      : socket_(between_.reverse(door_.port())),
        upstream_(door_.accept()),
        client_({GetParam()}),
        server_(std::make_shared<const ServerContext>(TlsOptions{}), facts_) {
    server_.show(std::make_shared<const Credential>(between_.genuine.credential()));
    client_.handshake();
    client_sends();
    between_.stage(between_.question().id);
    while (!server_.established()) {
      server_.receive(test::bytes_of(upstream_.receive()));
      server_sends();
    }
    EXPECT_TRUE(test::handshake(client_, socket_));
    client_.send("GET / HTTP/1.1\r\n\r\n");
    client_sends();
    EXPECT_EQ(server_hears(), "GET / HTTP/1.1\r\n\r\n");
  }

  void client_sends() { socket_.send(test::text_of(client_.take_output())); }
  void server_sends() { upstream_.send(test::text_of(server_.take_output())); }

  std::string server_hears() {
    std::string heard;
    for (std::string part; heard.empty() && !(part = upstream_.receive()).empty();) {
      server_.receive(test::bytes_of(part));
      heard = test::text_of(server_.take_data());
    }
    return heard;
  }

  Interception between_;
  Doorstep door_;
  Socket socket_;
  Socket upstream_;
  TlsClient client_;
  Observation facts_;
  Connection server_;
};

INSTANTIATE_TEST_SUITE_P(Versions, StagedRaw, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(StagedRaw, TheClientMayStopTalkingAndGoOnListening) {
  client_.close();
  client_sends();
  socket_.finish();
  EXPECT_EQ(server_hears(), "");
  EXPECT_EQ(upstream_.end(), SocketEnd::fin);
  EXPECT_TRUE(facts_.close_notify) << "said in the language of TLS as well";
  const std::string large(3 * kMiB, 'x');
  std::thread sender([&] {
    server_.send(test::bytes_of(large));
    server_.close();
    server_sends();
    upstream_.close();
  });
  // OpenSSL's client reads nothing once it has closed: the records tell.
  const auto records = socket_.read_all();
  sender.join();
  EXPECT_GT(records.size(), large.size());
  EXPECT_EQ(socket_.end(), SocketEnd::fin);
  socket_.close();
  const auto contact = between_.contact();
  EXPECT_EQ(contact.upstream_bytes, large.size());
  EXPECT_TRUE(contact.seen.close_notify);
}

TEST_P(StagedRaw, TheServerMayStopTalkingAndGoOnListening) {
  server_.send(test::bytes_of("answer"));
  server_.close();
  server_sends();
  upstream_.finish();
  EXPECT_EQ(test::read_all(client_, socket_), "answer");
  EXPECT_EQ(socket_.end(), SocketEnd::fin);
  EXPECT_EQ(SSL_get_shutdown(client_.get()), SSL_RECEIVED_SHUTDOWN) << "not cut off";
  client_.send("last words");
  client_sends();
  EXPECT_EQ(server_hears(), "last words");
  socket_.close();
  EXPECT_EQ(server_hears(), "");
  EXPECT_EQ(between_.contact().failure, "");
}

TEST_P(StagedRaw, AnAnswerThatIsCutOffLooksCutOff) {
  server_.send(test::bytes_of("half"));
  server_sends();
  upstream_.close();  // without close_notify
  EXPECT_EQ(test::read_all(client_, socket_), "half");
  EXPECT_EQ(SSL_get_shutdown(client_.get()), 0);
}

TEST_P(StagedRaw, AServerThatDiesIsADeadConnection) {
  server_.send(test::bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
  server_sends();
  client_.receive(test::bytes_of(socket_.receive()));
  EXPECT_TRUE(client_.read().ends_with("half"));
  upstream_.reset();
  EXPECT_EQ(socket_.read_all(), "");
  EXPECT_EQ(socket_.end(), SocketEnd::reset);
  const auto contact = between_.contact();
  EXPECT_EQ(contact.upstream_failure, "it reset the connection");
  EXPECT_EQ(contact.upstream_bytes, 44U);
  EXPECT_EQ(contact.seen.request_line, "GET / HTTP/1.1");
}

TEST(Staged, FetchesTheChainOfAServerThatVerifies) {
  Interception between;
  const auto shown = std::make_shared<const Credential>(between.genuine.credential());
  const Server server(between.loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                      {"", shown, "x"});
  EXPECT_EQ(between.interceptor.fetch_chain(kHost, server.port()), shown->chain);
  EXPECT_THROW(between.interceptor.fetch_chain("127.0.0.1", server.port()), Error) << "not its name";
}

TEST(Staged, KeepsNoMorePlaintextThanAsked) {
  Interception between([](InterceptorOptions& options) { options.kept_plaintext = 10; });
  const Server server(between.loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                      {"", std::make_shared<const Credential>(between.genuine.credential()),
                       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"});
  Socket socket(between.reverse(server.port()));
  TlsClient client({});
  client.handshake();
  socket.send(test::text_of(client.take_output()));
  between.stage(between.question().id);
  ASSERT_TRUE(test::handshake(client, socket));
  client.send("POST /long HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345");
  socket.send(test::text_of(client.take_output()));
  EXPECT_TRUE(test::read_all(client, socket).ends_with("ok"));
  EXPECT_TRUE(between.interceptor.open().front().plaintext.empty());
  socket.close();
  EXPECT_EQ(test::text_of(between.contact().plaintext), "POST /long");
}

}  // namespace
}  // namespace pindrill

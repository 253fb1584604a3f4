#include "pindrill/server.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <thread>

#include "support/command.h"
#include "support/socket.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::ClientOptions;
using test::eventually;
using test::Hierarchy;
using test::Socket;
using test::SocketEnd;
using test::text_of;
using test::TlsClient;

const std::string kSecret = "pd7s0123456789abcdef01234567";
const std::string kRequest = "GET /" + kSecret + " HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";
const std::string kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncanary";

class ServerTest : public ::testing::Test {
 protected:
  explicit ServerTest(const TlsOptions& options = {})
      : server_(loop_, "127.0.0.1", 0, std::make_shared<const ServerContext>(options), shown()) {}

  Shown shown(const std::string& label = "genuine", const std::string& response = kResponse) const {
    return {label, std::make_shared<const Credential>(genuine_.credential()), response};
  }

  /// The facts, once everything has ended.
  std::vector<Observation> settled() {
    EXPECT_TRUE(server_.settle(20s));
    return server_.observations();
  }

  test::Finished curl(const std::vector<std::string>& options) {
    const test::Directory directory;
    const auto port = std::to_string(server_.port());
    std::vector<std::string> command = {"curl",       "-q",
                                        "--silent",   "--show-error",
                                        "--noproxy",  "*",
                                        "--max-time", "20",
                                        "--cacert",   directory.write("trust.pem", genuine_.root.certificate().pem()),
                                        "--resolve",  "app.pin.test:" + port + ":127.0.0.1"};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back("https://app.pin.test:" + port + "/" + kSecret + "?token=hidden");
    return test::run(command);
  }

  const Hierarchy genuine_;
  Loop loop_;
  Server server_;
};

struct Tls {
  int number;
  const char* name;
};

std::ostream& operator<<(std::ostream& out, const Tls& tls) { return out << tls.name; }

class ServerVersions : public ServerTest, public ::testing::WithParamInterface<Tls> {
 protected:
  std::vector<std::string> curl_version() const {
    const std::string name = std::string(GetParam().name).substr(4);
    return {"--tlsv" + name, "--tls-max", name};
  }
};

INSTANTIATE_TEST_SUITE_P(Version, ServerVersions,
                         ::testing::Values(Tls{TLS1_2_VERSION, "TLSv1.2"}, Tls{TLS1_3_VERSION, "TLSv1.3"}),
                         [](const auto& info) { return info.param.number == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

TEST_P(ServerVersions, CurlIsAnswered) {
  const auto finished = curl(curl_version());
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(finished.output, "canary");
  const auto all = settled();
  ASSERT_EQ(all.size(), 1U);
  const auto& facts = all[0];
  EXPECT_EQ(facts.number, 1U);
  EXPECT_EQ(facts.credential, "genuine");
  EXPECT_FALSE(facts.plaintext);
  EXPECT_EQ(facts.tls_version, GetParam().name);
  EXPECT_EQ(facts.alpn, "http/1.1");
  EXPECT_EQ(facts.progress, Progress::headers);
  EXPECT_EQ(facts.request_line, "GET /<secret>?<redacted> HTTP/1.1");
  EXPECT_EQ(facts.secrets, std::vector{kSecret});
  EXPECT_GT(facts.data_bytes, kSecret.size());
  EXPECT_EQ(facts.boilerplate_bytes, 0U);
  const std::vector<Nanoseconds> times = {facts.accepted_at,      facts.hello->at,   facts.flight_made_at,
                                          facts.flight_sent_at,   facts.finished_at, facts.first_data_at,
                                          facts.response_sent_at, facts.ended_at};
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_GT(times.front(), 0);
}

TEST_P(ServerVersions, CurlRefusesAnotherPin) {
  auto options = curl_version();
  options.insert(options.end(), {"--pinnedpubkey", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
  EXPECT_EQ(curl(options).exit_code, 90);
  const auto all = settled();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].data_bytes, 0U);
  EXPECT_EQ(all[0].progress, Progress::nothing);
  EXPECT_NE(all[0].flight_sent_at, 0);
  EXPECT_TRUE(all[0].secrets.empty());
}

TEST_P(ServerVersions, CurlNoticesAKeyThatIsNotTheCertificates) {
  for (const auto type : {KeyType::p256, KeyType::rsa2048}) {
    auto issuance = genuine_.issuance();
    issuance.key = KeyPair::generate(type);
    auto credential = present(issuance);
    credential.key = KeyPair::mismatched(issuance.key, KeyPair::generate(type));
    server_.serve({"mismatched", std::make_shared<const Credential>(credential), kResponse});
    const auto finished = curl(curl_version());
    EXPECT_EQ(finished.exit_code, 35) << finished.errors;
    const auto facts = settled().back();
    EXPECT_EQ(facts.credential, "mismatched");
    EXPECT_EQ(facts.finished_at, 0);
    EXPECT_EQ(facts.data_bytes, 0U);
    ASSERT_FALSE(facts.alerts.empty());
    EXPECT_FALSE(facts.alerts[0].sent);
  }
}

TEST_P(ServerVersions, OpensslGetsTheAnswerAndACleanEnd) {
  const test::Directory directory;
  const auto finished =
      test::openssl({"s_client", "-connect", "127.0.0.1:" + std::to_string(server_.port()), "-servername", test::kHost,
                     "-verify_hostname", test::kHost, "-verify_return_error", "-CAfile",
                     directory.write("trust.pem", genuine_.root.certificate().pem()), "-quiet", "-ign_eof",
                     GetParam().number == TLS1_3_VERSION ? "-tls1_3" : "-tls1_2"},
                    kRequest);
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(finished.output, kResponse);
  EXPECT_EQ(finished.errors.find("unexpected eof"), std::string::npos) << finished.errors;
  const auto facts = settled().at(0);
  EXPECT_EQ(facts.secrets, std::vector{kSecret});
  EXPECT_NE(facts.response_sent_at, 0);
}

TEST_P(ServerVersions, TheAnswerEndsWithCloseNotifyBeforeFin) {
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

TEST_P(ServerVersions, TheEndsOfAConnectionAreTold) {
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

TEST_P(ServerVersions, CloseNotifyIsAnswered) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.close();
  socket.send(text_of(client.take_output()));
  EXPECT_EQ(read_all(client, socket), "");
  EXPECT_EQ(socket.end(), SocketEnd::fin);
  EXPECT_TRUE((SSL_get_shutdown(client.get()) & SSL_RECEIVED_SHUTDOWN) != 0);
}

TEST_P(ServerVersions, ASilentEndAfterTheFlight) {
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

TEST_P(ServerVersions, HalfARequestIsDataWithoutAnAnswer) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.send(kRequest.substr(0, kRequest.size() - 3));
  socket.send(text_of(client.take_output()));
  socket.finish();
  EXPECT_EQ(read_all(client, socket), "");
  const auto facts = settled().at(0);
  EXPECT_EQ(facts.progress, Progress::request_line);
  EXPECT_EQ(facts.secrets, std::vector{kSecret});
  EXPECT_EQ(facts.data_bytes, kRequest.size() - 3);
  EXPECT_EQ(facts.response_sent_at, 0);
}

TEST_P(ServerVersions, AnAnswerThatNobodyReadsWasNotDelivered) {
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

TEST_P(ServerVersions, ALargeAnswerIsDeliveredWhole) {
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

TEST_F(ServerTest, LaterConnectionsMeetTheNextCredential) {
  const Hierarchy other("Other");
  std::vector<Socket> sockets;
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 3; ++i) sockets.emplace_back(server_.port());  // in the kernel's queue, at least
  server_.serve({"other", std::make_shared<const Credential>(other.credential()), kResponse});
  for (int i = 0; i < 3; ++i) sockets.emplace_back(server_.port());
  for (auto& socket : sockets) {
    clients.push_back(std::make_unique<TlsClient>(ClientOptions{}));
    ASSERT_TRUE(handshake(*clients.back(), socket));
  }
  for (auto& socket : sockets) socket.close();
  const auto all = settled();
  ASSERT_EQ(all.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(all[i].number, i + 1);
    EXPECT_EQ(all[i].credential, i < 3 ? "genuine" : "other");
    const Certificate seen(OsslPtr<X509>(SSL_get1_peer_certificate(clients[i]->get())));
    EXPECT_EQ(seen.spki(), (i < 3 ? genuine_ : other).leaf_key.spki());
  }
}

TEST_F(ServerTest, APlainTextRequestIsSeenAndAnswered) {
  Socket socket(server_.port());
  socket.send(kRequest);
  EXPECT_EQ(socket.read_all(), kResponse);
  EXPECT_EQ(socket.end(), SocketEnd::fin);
  socket.close();
  const auto facts = settled().at(0);
  EXPECT_TRUE(facts.plaintext);
  EXPECT_FALSE(facts.hello);
  EXPECT_EQ(facts.secrets, std::vector{kSecret});
  EXPECT_EQ(facts.data_bytes, kRequest.size());
  EXPECT_EQ(facts.bytes_in, kRequest.size());
  EXPECT_EQ(facts.bytes_out, kResponse.size());
  EXPECT_NE(facts.response_sent_at, 0);
}

TEST_F(ServerTest, GarbageAndSilenceHarmNobody) {
  for (const auto& text : {std::string("\x16\x03\x01\xff\xff"), std::string("\x16garbage garbage garbage"),
                           std::string(100'000, '\x16'), std::string("\0\0\0\0", 4), std::string()}) {
    Socket socket(server_.port());
    socket.send(text);
    socket.finish();
    socket.read_all();
  }
  const auto all = settled();
  ASSERT_EQ(all.size(), 5U);
  for (const auto& facts : all) {
    EXPECT_EQ(facts.finished_at, 0);
    EXPECT_EQ(facts.hello.has_value(), false);
  }
  EXPECT_EQ(all[4].bytes_in, 0U);
  EXPECT_EQ(all[4].data_bytes, 0U);
  EXPECT_FALSE(all[4].plaintext);
  EXPECT_EQ(curl({}).exit_code, 0);
}

TEST_F(ServerTest, ACredentialThatCannotBeShownEndsTheConnection) {
  const Credential wrong{KeyPair::generate(KeyType::p256), genuine_.credential().chain};
  server_.serve({"wrong", std::make_shared<const Credential>(wrong), kResponse});
  Socket socket(server_.port());
  TlsClient client(ClientOptions{});
  EXPECT_FALSE(handshake(client, socket));
  EXPECT_EQ(socket.end(), SocketEnd::fin) << "not left hanging";
  socket.close();
  const auto facts = settled().at(0);
  EXPECT_NE(facts.failure, "");
  EXPECT_EQ(facts.flight_made_at, 0);
}

TEST_F(ServerTest, SettleWaitsForTheLastEnd) {
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

TEST_F(ServerTest, AQueueOfDeadConnectionsIsTakenWhole) {
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

TEST_F(ServerTest, EndsWithOpenConnections) {
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

TEST_F(ServerTest, ManyServersShareALoopAndManyThreadsAskThem) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      Server server(loop_, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}), shown());
      for (int j = 0; j < 10; ++j) {
        server.serve(shown(std::to_string(i) + "." + std::to_string(j)));
        Socket socket(server.port());
        TlsClient client(ClientOptions{j % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION});
        ASSERT_TRUE(handshake(client, socket));
        client.send(kRequest);
        socket.send(text_of(client.take_output()));
        EXPECT_EQ(read_all(client, socket), kResponse);
        socket.close();
        ASSERT_TRUE(server.settle(20s));
        EXPECT_EQ(server.observations().back().credential, std::to_string(i) + "." + std::to_string(j));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

class EarlyData : public ServerTest {
 protected:
  static TlsOptions options() {
    TlsOptions options;
    options.tickets = true;
    options.max_early_data = 16384;
    return options;
  }
  EarlyData() : ServerTest(options()) {}
};

TEST_F(EarlyData, IsARequestLikeAnyOther) {
  SSL_SESSION* session = nullptr;
  {
    Socket socket(server_.port());
    TlsClient client(ClientOptions{});
    ASSERT_TRUE(handshake(client, socket));
    client.send(kRequest);
    socket.send(text_of(client.take_output()));
    EXPECT_EQ(read_all(client, socket), kResponse);
    session = SSL_get1_session(client.get());
    client.close();  // OpenSSL drops the session of a connection that was not closed
  }
  Socket socket(server_.port());
  TlsClient client(ClientOptions{.session = session});
  client.send_early(kRequest);
  socket.send(text_of(client.take_output()));
  socket.finish();  // no Finished ever comes
  socket.read_all();
  socket.close();
  SSL_SESSION_free(session);
  const auto facts = settled().at(1);
  EXPECT_EQ(facts.early_data_bytes, kRequest.size());
  EXPECT_EQ(facts.data_bytes, kRequest.size());
  EXPECT_EQ(facts.secrets, std::vector{kSecret});
  EXPECT_EQ(facts.finished_at, 0);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PINDRILL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PINDRILL_SANITIZED 1
#endif
#endif
#ifdef PINDRILL_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

TEST_P(ServerVersions, AThousandIdleConnectionsAreCheap) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2500) GTEST_SKIP() << "too few file descriptors: " << files.rlim_cur;

  std::vector<Socket> sockets;
  const auto open = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      sockets.emplace_back(server_.port());
      TlsClient client(ClientOptions{GetParam().number});
      ASSERT_TRUE(handshake(client, sockets.back()));
    }
    ASSERT_TRUE(eventually([&] {
      const auto all = server_.observations();
      return all.size() == sockets.size() &&
             std::all_of(all.begin(), all.end(), [](const Observation& facts) { return facts.finished_at != 0; });
    }));
  };
  open(50);
  malloc_trim(0);  // what earlier tests left behind would be used first
  const auto before = resident_bytes();
  open(1000);
  const auto each = (resident_bytes() - before) / 1000;
  RecordProperty("bytes_per_idle_connection", std::to_string(each));
  std::printf("%s: %zu bytes per idle connection\n", GetParam().name, each);
  if (!kSanitized) {
    // The budget is 24 KiB, met with OpenSSL 3.0; the library itself takes more from 3.5 on. A leak takes far more.
    EXPECT_LT(each, 48U * 1024);
  }
  for (auto& socket : sockets) socket.close();
  EXPECT_EQ(settled().size(), 1050U);
}

}  // namespace
}  // namespace pindrill

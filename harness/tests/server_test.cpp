#include "pindrill/server.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/serving.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::ClientOptions;
using test::Hierarchy;
using test::kRequest;
using test::kResponse;
using test::kSecret;
using test::ServerTest;
using test::Socket;
using test::SocketEnd;
using test::text_of;
using test::TlsClient;

class ServerVersions : public test::ServerVersions {};

INSTANTIATE_TEST_SUITE_P(Version, ServerVersions, test::kVersions, test::version_name);

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

TEST_P(ServerVersions, PlainTextOnTheSocketOfATlsConnectionIsSeen) {
  enum class When { after_hello, after_handshake, after_close };
  for (const auto when : {When::after_hello, When::after_handshake, When::after_close}) {
    Socket socket(server_.port());
    TlsClient client(ClientOptions{GetParam().number});
    if (when == When::after_hello) {
      client.handshake();
      socket.send(text_of(client.take_output()));
      EXPECT_NE(socket.receive(), "");
    } else {
      ASSERT_TRUE(handshake(client, socket));
    }
    if (when == When::after_close) {
      client.close();
      socket.send(text_of(client.take_output()));
      socket.read_all();
    }
    socket.send(kRequest.substr(0, 12));
    socket.send(kRequest.substr(12));
    socket.finish();
    socket.read_all();
    socket.close();
    const auto facts = settled().back();
    EXPECT_FALSE(facts.plaintext);
    EXPECT_EQ(facts.data_bytes, 0U);
    EXPECT_EQ(facts.plain_secrets, std::vector{kSecret});
  }
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

}  // namespace
}  // namespace pindrill

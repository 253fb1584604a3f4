// What a client sends once it has ended its TLS connection, and how TLS begins.

#include <gtest/gtest.h>

#include <algorithm>

#include "client_hello.h"
#include "pindrill/server.h"
#include "support/interception.h"
#include "support/serving.h"
#include "unread_records.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::ClientOptions;
using test::kRequest;
using test::kSecret;
using test::ServerTest;
using test::Socket;
using test::text_of;
using test::TlsClient;

const std::string kAlert("\x15\x03\x03\x00\x02\x02\x2a", 7);
const std::string kRecord = std::string("\x17\x03\x03\x00\x64", 5) + std::string(100, 'x');

/// RFC 5246 appendix E.2: a ClientHello in the format of SSL 2.0, offering what a TLS 1.2 server takes.
std::string ssl2_hello() {
  const std::string body = std::string("\x01\x03\x03\x00\x09\x00\x00\x00\x20", 9) +
                           std::string("\x00\xc0\x2b\x00\xc0\x2f\x00\x00\xff", 9) + std::string(32, 'c');
  return std::string{static_cast<char>(0x80), static_cast<char>(body.size())} + body;
}

/// Without extensions there is no signature but with SHA-1, which OpenSSL makes no more: it reads this hello, and says
/// so.
const std::string kTlsAlert("\x15\x03\x03", 3);

class AfterTheEnd : public test::ServerVersions {
 protected:
  /// Says hello, reads the first bytes of the flight, and leaves.
  Socket alerted() {
    Socket socket(server_.port());
    TlsClient client(ClientOptions{GetParam().number});
    client.handshake();
    socket.send(text_of(client.take_output()));
    socket.receive();
    socket.send(kAlert);
    return socket;
  }

  Observation only(const std::function<bool(const Observation&)>& shows) {
    Observation last;
    EXPECT_TRUE(test::eventually([&] {
      const auto all = server_.observations();
      if (!all.empty()) last = all.back();
      return !all.empty() && shows(last);
    }));
    return last;
  }
};

INSTANTIATE_TEST_SUITE_P(Version, AfterTheEnd, test::kVersions, test::version_name);

TEST_P(AfterTheEnd, AnAlertIsNotedThoughTcpStaysOpen) {
  const auto socket = alerted();
  const auto seen = only([](const auto& facts) { return !facts.alerts.empty(); });
  EXPECT_EQ(seen.alerts.at(0).number, 42);
  EXPECT_FALSE(seen.alerts.at(0).sent);
  EXPECT_EQ(seen.ended, Ended::open);
  EXPECT_EQ(seen.tls_version, GetParam().name) << "chosen by the ServerHello";
  EXPECT_EQ(seen.finished_at, 0);
  EXPECT_EQ(seen.unread_bytes, 0U);
}

TEST_P(AfterTheEnd, WhatNobodyCanReadIsCounted) {
  auto socket = alerted();
  socket.send(kRecord + kAlert);
  EXPECT_EQ(only([](const auto& facts) { return facts.unread_bytes != 0; }).unread_bytes, 100U);
  socket.send(kRequest);
  const auto seen = only([](const auto& facts) { return !facts.plain_secrets.empty(); });
  EXPECT_EQ(seen.plain_secrets, std::vector{kSecret});
  EXPECT_EQ(seen.unread_bytes, 100U + kRequest.size());
  EXPECT_EQ(seen.data_bytes, 0U);
}

TEST_P(AfterTheEnd, WhatCameInOneReadWithTheAlertCountsToo) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  client.handshake();
  socket.send(text_of(client.take_output()));
  socket.receive();
  socket.send(kAlert + kRecord);
  EXPECT_EQ(only([](const auto& facts) { return facts.unread_bytes != 0; }).unread_bytes, 100U);
}

/// OpenSSL reads past a close_notify until 3.2, and later in TLS 1.2 only.
bool reads_past_close_notify(int version) { return version < TLS1_3_VERSION || OpenSSL_version_num() < 0x30200000UL; }

TEST_P(AfterTheEnd, DataBehindCloseNotifyIsReadOrCounted) {
  Socket socket(server_.port());
  TlsClient client(ClientOptions{GetParam().number});
  ASSERT_TRUE(handshake(client, socket));
  client.close();
  SSL_set_shutdown(client.get(), 0);  // as if it had said nothing
  client.send(kRequest);
  socket.send(text_of(client.take_output()));
  const auto seen = only([](const auto& facts) { return !facts.secrets.empty() || facts.unread_bytes > 0; });
  EXPECT_TRUE(seen.close_notify);
  EXPECT_EQ(std::ranges::count_if(seen.alerts, [](const auto& alert) { return !alert.sent; }), 1) << "told once";
  EXPECT_EQ(seen.ended, Ended::open);
  if (reads_past_close_notify(GetParam().number)) {
    EXPECT_EQ(seen.secrets, std::vector{kSecret});
    EXPECT_EQ(seen.data_bytes, kRequest.size());
  } else {
    EXPECT_GT(seen.unread_bytes, kRequest.size());
    EXPECT_EQ(seen.data_bytes, 0U);
  }
}

TEST(InterceptorAfterTheEnd, TheSameIsSeen) {
  test::Interception between;
  Loop loop;
  Server server(loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                {"", std::make_shared<const Credential>(between.genuine.credential()), "x"});
  between.answer(true);
  Socket socket(between.reverse(server.port()));
  socket.send(test::client_hello());
  socket.receive();
  socket.send(kAlert);
  socket.send(kRecord + kRequest);
  const auto shows = [&] {
    const auto open = between.interceptor.open();
    return !open.empty() && !open.front().seen.plain_secrets.empty();
  };
  EXPECT_TRUE(test::eventually(shows));
  between.interceptor.end_all();
  const auto seen = between.contact().seen;
  EXPECT_EQ(seen.alerts.at(0).number, 42);
  EXPECT_EQ(seen.ended, Ended::open);
  EXPECT_EQ(seen.plain_secrets, std::vector{kSecret});
  EXPECT_EQ(seen.unread_bytes, 100U + kRequest.size());
}

TEST(UnreadRecords, AlertsAreNone) {
  UnreadRecords unread;
  const auto encrypted_alert = std::string("\x17\x03\x03\x00\x13", 5) + std::string(19, 'a');
  for (const auto octet : kAlert + encrypted_alert + kAlert) unread.feed(bytes_of(std::string(1, octet)));
  EXPECT_EQ(unread.bytes(), 0U);
  for (const auto octet : kRecord) unread.feed(bytes_of(std::string(1, octet)));
  EXPECT_EQ(unread.bytes(), 100U);
}

// --- how it begins ---------------------------------------------------------------------------------------------

TEST(Begins, IsDecidedAsSoonAsItCanBe) {
  const auto of = [](const std::string& text) { return begins(bytes_of(text)); };
  EXPECT_EQ(of("\x16"), Begins::tls);
  EXPECT_EQ(of("GET"), Begins::plain);
  EXPECT_EQ(of("\x80garbage"), Begins::plain);
  const auto hello = ssl2_hello();
  for (std::size_t size = 1; size < 5; ++size) EXPECT_EQ(of(hello.substr(0, size)), Begins::unclear) << size;
  EXPECT_EQ(of(hello), Begins::tls);
  EXPECT_EQ(of(std::string("\x80\x20\x01\x00\x02", 5)), Begins::tls) << "SSL 2.0 itself";
  EXPECT_EQ(of(std::string("\x80\x20\x01\x07\x07", 5)), Begins::plain);
}

TEST_F(ServerTest, AnSsl2HelloIsTls) {
  Socket socket(server_.port());
  for (const auto octet : ssl2_hello()) socket.send(std::string(1, octet));
  EXPECT_EQ(socket.receive().substr(0, 3), kTlsAlert);
  socket.finish();
  socket.read_all();
  socket.close();
  const auto seen = settled().at(0);
  EXPECT_FALSE(seen.plaintext);
  ASSERT_TRUE(seen.hello.has_value());
  EXPECT_EQ(seen.hello->versions, std::vector<std::uint16_t>{TLS1_2_VERSION});
  EXPECT_EQ(seen.hello->sni, "");
  ASSERT_EQ(seen.alerts.size(), 1U);
  EXPECT_EQ(seen.alerts[0].number, SSL_AD_HANDSHAKE_FAILURE) << seen.failure;
}

TEST_F(ServerTest, AnSsl2HelloThatIsCutShortIsPlain) {
  Socket socket(server_.port());
  socket.send(ssl2_hello().substr(0, 4));
  socket.close();
  const auto seen = settled().at(0);
  EXPECT_TRUE(seen.plaintext);
  EXPECT_EQ(seen.data_bytes, 4U);
}

TEST(InterceptorBegins, AnSsl2HelloIsTls) {
  test::Interception between;
  Loop loop;
  Server server(loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                {"", std::make_shared<const Credential>(between.genuine.credential()), "x"});
  Socket socket(between.reverse(server.port()));
  for (const auto octet : ssl2_hello()) socket.send(std::string(1, octet));
  const auto question = between.question();
  EXPECT_EQ(question.host, test::kHost);
  EXPECT_EQ(question.hello.versions, std::vector<std::uint16_t>{TLS1_2_VERSION});
  between.stage(question.id);
  EXPECT_EQ(socket.receive().substr(0, 3), kTlsAlert);
  socket.finish();
  socket.read_all();
  socket.close();
  const auto contact = between.contact();
  EXPECT_FALSE(contact.seen.plaintext);
  EXPECT_FALSE(contact.plaintext_forwarded);
  ASSERT_EQ(contact.seen.alerts.size(), 1U);
  EXPECT_EQ(contact.seen.alerts[0].number, SSL_AD_HANDSHAKE_FAILURE) << contact.seen.failure;
}

}  // namespace
}  // namespace pindrill

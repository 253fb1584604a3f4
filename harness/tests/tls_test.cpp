#include "pindrill/tls.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/command.h"
#include "support/server_end.h"

namespace pindrill {
namespace {

using test::bytes_of;
using test::ClientOptions;
using test::End;
using test::exchange;
using test::Hierarchy;
using test::text_of;
using test::TlsClient;

struct SessionDeleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, SessionDeleter>;

std::string printed(int version) { return version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"; }

class Tls : public ::testing::TestWithParam<int> {
 protected:
  ClientOptions client_options() const { return {GetParam()}; }

  /// A first connection, and the session that the client has from it.
  SessionPtr session_of(const std::shared_ptr<const ServerContext>& context) const {
    End end(context, shown_);
    TlsClient client(client_options());
    EXPECT_TRUE(exchange(client, end.connection));
    end.connection.send(bytes_of("x"));
    client.receive(end.connection.take_output());
    EXPECT_EQ(client.read(), "x");
    SessionPtr session(SSL_get1_session(client.get()));
    client.close();
    return session;
  }

  const Hierarchy genuine_;
  const Credential shown_ = genuine_.credential();
};

INSTANTIATE_TEST_SUITE_P(Version, Tls, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

TEST_P(Tls, NotesAHandshakeAndDataBothWays) {
  End end(TlsOptions{}, shown_);
  auto options = client_options();
  options.trust = genuine_.root.certificate();
  options.alpn = {"h2", "http/1.1"};
  TlsClient client(options);
  ASSERT_TRUE(exchange(client, end.connection));
  const auto& facts = end.facts;
  EXPECT_TRUE(end.connection.established());
  ASSERT_TRUE(facts.hello);
  EXPECT_EQ(facts.hello->sni, test::kHost);
  EXPECT_EQ(facts.hello->alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_NE(std::find(facts.hello->versions.begin(), facts.hello->versions.end(), GetParam()),
            facts.hello->versions.end());
  EXPECT_FALSE(facts.hello->groups.empty());
  EXPECT_FALSE(facts.hello->signature_algorithms.empty());
  EXPECT_FALSE(facts.hello->psk_offered);
  EXPECT_FALSE(facts.hello->early_data_offered);
  EXPECT_EQ(facts.tls_version, printed(GetParam()));
  EXPECT_EQ(facts.cipher, SSL_get_cipher_name(client.get()));
  EXPECT_EQ(facts.alpn, "http/1.1");
  EXPECT_FALSE(facts.resumed);
  EXPECT_FALSE(facts.client_certificate);
  EXPECT_LE(facts.hello->at, facts.flight_made_at);
  EXPECT_LE(facts.flight_made_at, facts.finished_at);
  EXPECT_TRUE(facts.alerts.empty());
  EXPECT_EQ(facts.failure, "");

  client.send("up");
  end.connection.receive(client.take_output());
  EXPECT_EQ(text_of(end.connection.take_data()), "up");
  EXPECT_TRUE(end.connection.take_data().empty());
  end.connection.send(bytes_of("down"));
  client.receive(end.connection.take_output());
  EXPECT_EQ(client.read(), "down");
}

TEST_P(Tls, CarriesBytesInPiecesOfOne) {
  End end(TlsOptions{}, shown_);
  TlsClient client(client_options());
  const std::string text(40'000, 'x');
  std::string heard;
  bool sent = false;
  for (int round = 0; round < 6; ++round) {
    if (client.handshake() && !std::exchange(sent, true)) client.send(text);
    for (const auto byte : client.take_output()) {
      end.connection.receive({&byte, 1});
      heard += text_of(end.connection.take_data());
    }
    client.receive(end.connection.take_output());
  }
  EXPECT_EQ(heard, text);
}

TEST_P(Tls, TheFlightIsSentOnceItsLastByteIsWritten) {
  for (const std::uint32_t early : {0U, 16384U}) {
    TlsOptions options;
    options.max_early_data = early;
    End end(options, shown_);
    TlsClient client(client_options());
    EXPECT_EQ(end.facts.flight_made_at, 0);
    client.handshake();
    end.connection.receive(client.take_output());
    EXPECT_NE(end.facts.flight_made_at, 0) << early;
    const auto flight = end.connection.take_output();
    end.connection.written(flight.size() - 1);
    EXPECT_EQ(end.facts.flight_sent_at, 0) << early;
    end.connection.written(flight.size());
    EXPECT_GE(end.facts.flight_sent_at, end.facts.flight_made_at) << early;
    EXPECT_EQ(end.facts.finished_at, 0);
  }
}

TEST_P(Tls, ARefusalIsAnAlertWithoutFinished) {
  End end(TlsOptions{}, shown_);
  auto options = client_options();
  options.trust = Hierarchy("Other").root.certificate();
  TlsClient client(options);
  client.handshake();
  end.connection.receive(client.take_output());
  client.receive(end.connection.take_output());
  EXPECT_FALSE(client.handshake());
  const auto refusal = client.take_output();
  end.connection.receive(refusal);
  EXPECT_EQ(end.facts.finished_at, 0);
  EXPECT_NE(end.facts.flight_made_at, 0);
  EXPECT_TRUE(end.connection.over());
  EXPECT_NE(end.facts.failure, "");
  ASSERT_EQ(end.facts.alerts.size(), 1U);
  const auto& alert = end.facts.alerts[0];
  EXPECT_FALSE(alert.sent);
  EXPECT_EQ(alert.level, SSL3_AL_FATAL);
  EXPECT_EQ(alert.number, SSL_AD_UNKNOWN_CA);
  EXPECT_FALSE(alert.encrypted) << "OpenSSL's client has no key in use yet";
  EXPECT_EQ(refusal[0], SSL3_RT_ALERT);
  EXPECT_NE(alert.at, 0);
}

TEST_P(Tls, AnAlertBeforeAnyKeyIsPlain) {
  TlsOptions options;
  options.min_version = options.max_version = GetParam() == TLS1_3_VERSION ? TLS1_2_VERSION : TLS1_3_VERSION;
  End end(options, shown_);
  TlsClient client(client_options());
  EXPECT_FALSE(exchange(client, end.connection));
  ASSERT_EQ(end.facts.alerts.size(), 1U);
  EXPECT_TRUE(end.facts.alerts[0].sent);
  EXPECT_EQ(end.facts.alerts[0].number, SSL_AD_PROTOCOL_VERSION);
  EXPECT_FALSE(end.facts.alerts[0].encrypted);
  EXPECT_EQ(end.facts.flight_made_at, 0) << "no certificate was shown";
}

TEST_P(Tls, CloseNotifyIsNotedOnBothSides) {
  End end(TlsOptions{}, shown_);
  TlsClient client(client_options());
  ASSERT_TRUE(exchange(client, end.connection));
  client.close();
  end.connection.receive(client.take_output());
  EXPECT_TRUE(end.facts.close_notify);
  ASSERT_EQ(end.facts.alerts.size(), 1U);
  EXPECT_EQ(end.facts.alerts[0].number, SSL_AD_CLOSE_NOTIFY);
  EXPECT_TRUE(end.facts.alerts[0].encrypted);
  EXPECT_EQ(end.facts.failure, "");
  end.connection.close();
  client.receive(end.connection.take_output());
  client.read();
  EXPECT_EQ(SSL_get_shutdown(client.get()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
  ASSERT_EQ(end.facts.alerts.size(), 2U);
  EXPECT_TRUE(end.facts.alerts[1].sent);
  EXPECT_TRUE(end.facts.alerts[1].encrypted);
}

TEST_P(Tls, AClientCertificateIsSeen) {
  TlsOptions options;
  options.request_client_certificate = true;
  for (const bool with : {true, false}) {
    End end(options, shown_);
    auto wanted = client_options();
    if (with) wanted.certificate = Hierarchy("Client").credential();
    TlsClient client(wanted);
    EXPECT_TRUE(exchange(client, end.connection));
    EXPECT_TRUE(end.connection.established()) << end.facts.failure;
    EXPECT_EQ(end.facts.client_certificate, with);
  }
}

TEST_P(Tls, NothingIsResumedUnlessTicketsAreOn) {
  for (const bool tickets : {false, true}) {
    TlsOptions options;
    options.tickets = tickets;
    const auto context = std::make_shared<const ServerContext>(options);
    const auto session = session_of(context);
    auto wanted = client_options();
    wanted.session = session.get();
    End end(context, shown_);
    TlsClient client(wanted);
    ASSERT_TRUE(exchange(client, end.connection));
    EXPECT_EQ(end.facts.resumed, tickets);
    EXPECT_EQ(end.facts.hello->psk_offered, tickets);
    EXPECT_EQ(end.facts.flight_made_at != 0, !tickets) << "a resumption shows no certificate";
  }
}

TEST_P(Tls, AnOfferedSessionOfAnotherServerIsNotedAndNotResumed) {
  TlsOptions options;
  options.tickets = true;
  const auto session = session_of(std::make_shared<const ServerContext>(options));
  auto wanted = client_options();
  wanted.session = session.get();
  End end(TlsOptions{}, shown_);
  TlsClient client(wanted);
  ASSERT_TRUE(exchange(client, end.connection));
  EXPECT_TRUE(end.facts.hello->psk_offered);
  EXPECT_FALSE(end.facts.resumed);
  EXPECT_NE(end.facts.flight_made_at, 0);
}

TEST_P(Tls, AMismatchedKeyCannotBeProved) {
  for (const auto type : {KeyType::p256, KeyType::rsa2048, KeyType::ed25519}) {
    const auto key = KeyPair::generate(type);
    auto issuance = genuine_.issuance();
    issuance.key = key;
    auto shown = present(issuance);
    shown.key = KeyPair::mismatched(key, KeyPair::generate(type));
    End end(TlsOptions{}, shown);
    auto options = client_options();
    options.trust = genuine_.root.certificate();
    TlsClient client(options);
    EXPECT_FALSE(exchange(client, end.connection));
    EXPECT_NE(end.facts.flight_made_at, 0) << end.facts.failure;
    EXPECT_EQ(end.facts.finished_at, 0);
    ASSERT_EQ(end.facts.alerts.size(), 1U);
    EXPECT_FALSE(end.facts.alerts[0].sent);
  }
}

TEST_P(Tls, TheChainIsSentAsGivenAndNotCompleted) {
  auto shown = shown_;
  std::reverse(shown.chain.begin() + 1, shown.chain.end());
  shown.chain.push_back(Hierarchy("Other").root.certificate());
  End end(TlsOptions{}, shown);
  TlsClient client(client_options());
  ASSERT_TRUE(exchange(client, end.connection));
  std::vector<Certificate> seen;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(client.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) seen.emplace_back(up_ref(sk_X509_value(chain, i)));
  EXPECT_EQ(seen, shown.chain);
}

TEST(Tls13, EarlyDataIsReadAndCounted) {
  const Hierarchy genuine;
  TlsOptions options;
  options.tickets = true;
  options.max_early_data = 16384;
  const auto context = std::make_shared<const ServerContext>(options);
  SessionPtr session;
  {
    End end(context, genuine.credential());
    TlsClient client(ClientOptions{});
    ASSERT_TRUE(exchange(client, end.connection));
    client.read();
    session.reset(SSL_get1_session(client.get()));
    client.close();
  }
  ASSERT_EQ(SSL_SESSION_get_max_early_data(session.get()), 16384U);
  End end(context, genuine.credential());
  TlsClient client(ClientOptions{.session = session.get()});
  client.send_early("early");
  end.connection.receive(client.take_output());
  EXPECT_EQ(text_of(end.connection.take_data()), "early");
  EXPECT_EQ(end.facts.early_data_bytes, 5U);
  EXPECT_TRUE(end.facts.hello->early_data_offered);
  EXPECT_EQ(end.facts.finished_at, 0) << "it is read before the Finished";
  client.receive(end.connection.take_output());
  ASSERT_TRUE(exchange(client, end.connection));
  EXPECT_TRUE(end.facts.resumed);
  client.send("late");
  end.connection.receive(client.take_output());
  EXPECT_EQ(text_of(end.connection.take_data()), "late");
  EXPECT_EQ(end.facts.early_data_bytes, 5U);
}

TEST(Tls13, EarlyDataThatIsNotWantedIsSkipped) {
  const Hierarchy genuine;
  TlsOptions options;
  options.tickets = true;
  options.max_early_data = 16384;
  SessionPtr session;
  {
    End end(options, genuine.credential());
    TlsClient client(ClientOptions{});
    ASSERT_TRUE(exchange(client, end.connection));
    client.read();
    session.reset(SSL_get1_session(client.get()));
    client.close();
  }
  End end(TlsOptions{}, genuine.credential());
  TlsClient client(ClientOptions{.session = session.get()});
  client.send_early("early");
  ASSERT_TRUE(exchange(client, end.connection)) << end.facts.failure;
  EXPECT_TRUE(end.facts.hello->early_data_offered);
  EXPECT_EQ(end.facts.early_data_bytes, 0U);
  EXPECT_TRUE(end.connection.take_data().empty());
}

TEST(Tls13, KeysAreLoggedOnRequest) {
  const Hierarchy genuine;
  const test::Directory directory;
  TlsOptions options;
  options.key_log_file = directory.path("keys");
  End end(options, genuine.credential());
  TlsClient client(ClientOptions{});
  ASSERT_TRUE(exchange(client, end.connection));
  EXPECT_NE(directory.read("keys").find("SERVER_TRAFFIC_SECRET_0 "), std::string::npos);
}

TEST(ServerContext, RefusesVersionsThatDoNotExist) {
  TlsOptions options;
  options.min_version = 1;
  EXPECT_THROW(ServerContext{options}, Error);
}

}  // namespace
}  // namespace pindrill

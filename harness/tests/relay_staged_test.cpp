// A relay between two TLS connections, as sequences of events. No socket, no thread, no waiting.

#include <gtest/gtest.h>

#include <algorithm>

#include "support/playbook.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::Playbook;
using test::Script;
using test::text_of;
using test::TlsClient;

constexpr auto kClient = Side::client;
constexpr auto kUpstream = Side::upstream;
const Script kNothing = {};

bool has(const Script& script, const std::string& action) {
  return std::find(script.begin(), script.end(), action) != script.end();
}

/// Client and server are engines in our hands; the ClientHello waits for a decision.
class RelayStaged : public ::testing::TestWithParam<int> {
 protected:
  RelayStaged() : client_({GetParam()}), server_(context(), facts_) {
    server_.show(std::make_shared<const Credential>(relay_.genuine.credential()));
    relay_.started();
    relay_.connected();
    client_.handshake();
    relay_.client(client_says());
  }

  static std::shared_ptr<const ServerContext> context() {
    TlsOptions options;
    options.max_version = GetParam();
    return std::make_shared<const ServerContext>(options);
  }

  std::string client_says() { return text_of(client_.take_output()); }
  std::string server_says() { return text_of(server_.take_output()); }

  /// Both handshakes, as far as `hold` does not stop the answer.
  void established(std::chrono::milliseconds hold = {}) {
    relay_.stage(hold);
    for (int i = 0; i < 8; ++i) {
      server_.receive(bytes_of(relay_.take(kUpstream)));
      if (const auto said = server_says(); !said.empty()) relay_.upstream(said);
      client_.receive(bytes_of(relay_.take(kClient)));
      relay_.all_written();
      through_ = client_.handshake();
      if (const auto said = client_says(); !said.empty()) relay_.client(said);
    }
    ASSERT_TRUE(through_);
    ASSERT_NE(relay_.seen().finished_at, 0);
  }

  std::string client_reads() {
    client_.receive(bytes_of(relay_.take(kClient)));
    return client_.read();
  }

  std::string server_reads() {
    server_.receive(bytes_of(relay_.take(kUpstream)));
    return text_of(server_.take_data());
  }

  Playbook relay_{Way::reverse};
  TlsClient client_;
  Observation facts_;
  Connection server_;
  bool through_ = false;
};

INSTANTIATE_TEST_SUITE_P(Versions, RelayStaged, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(RelayStaged, TheClientMeetsACertificateOnceItsServerIsVerified) {
  EXPECT_EQ(relay_.stage(), (Script{"no timer", "resume upstream", "timer 10000", "write upstream"}));
  EXPECT_EQ(relay_.take(kClient), "");
  server_.receive(bytes_of(relay_.take(kUpstream)));
  auto script = relay_.upstream(server_says());
  if (GetParam() == TLS1_2_VERSION) {
    server_.receive(bytes_of(relay_.take(kUpstream)));
    script = relay_.upstream(server_says());
  }
  ASSERT_FALSE(script.empty());
  EXPECT_EQ(script.front(), "no timer");
  EXPECT_TRUE(has(script, "write client"));
  EXPECT_TRUE(has(script, "resume client"));
  EXPECT_NE(relay_.seen().flight_made_at, 0);
  EXPECT_EQ(relay_.seen().flight_sent_at, 0) << "it is not in the kernel";
  relay_.all_written();
  EXPECT_NE(relay_.seen().flight_sent_at, 0);
}

TEST_P(RelayStaged, AServerThatIsNotVerifiedIsNeverShownFor) {
  Connection wrong(std::make_shared<const ServerContext>(TlsOptions{}), facts_);
  wrong.show(std::make_shared<const Credential>(relay_.test_ca.credential()));
  relay_.stage();
  wrong.receive(bytes_of(relay_.take(kUpstream)));
  const auto script = relay_.upstream(text_of(wrong.take_output()));
  EXPECT_TRUE(has(script, "finish client"));
  EXPECT_EQ(relay_.take(kClient).size(), 7U) << "an alert, and no certificate";
  EXPECT_NE(relay_.facts().upstream_failure.find("certificate is not good"), std::string::npos);
  EXPECT_EQ(relay_.seen().flight_made_at, 0);
}

TEST_P(RelayStaged, AServerThatLeavesOrIsSilentBeforeItIsVerifiedIsTheFailure) {
  relay_.stage();
  EXPECT_EQ(relay_.ended(kUpstream, GetParam() == TLS1_2_VERSION ? Ended::fin : Ended::reset),
            (Script{"write client", "finish client", "resume client", "timer 30000"}));
  EXPECT_EQ(relay_.take(kClient).size(), 7U);
  EXPECT_TRUE(relay_.facts().upstream_failure.ends_with("the connection")) << relay_.facts().upstream_failure;
  Playbook silent(Way::reverse);
  silent.started();
  silent.connected();
  TlsClient client({GetParam()});
  client.handshake();
  silent.client(text_of(client.take_output()));
  silent.stage();
  EXPECT_EQ(silent.timed_out(), (Script{"write client", "finish client", "resume client", "timer 30000"}));
  EXPECT_EQ(silent.facts().upstream_failure, "no TLS handshake in time");
}

TEST_P(RelayStaged, WhatIsSaidIsRelayedAndKept) {
  established();
  client_.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(relay_.client(client_says()), Script{"write upstream"});
  EXPECT_EQ(server_reads(), "GET / HTTP/1.1\r\n\r\n");
  server_.send(bytes_of("answer"));
  EXPECT_EQ(relay_.upstream(server_says()), Script{"write client"});
  EXPECT_EQ(relay_.seen().response_sent_at, 0);
  relay_.all_written();
  EXPECT_NE(relay_.seen().response_sent_at, 0);
  EXPECT_EQ(client_reads(), "answer");
  EXPECT_EQ(relay_.facts().upstream_bytes, 6U);
  relay_.end("");
  EXPECT_EQ(text_of(relay_.contact().plaintext), "GET / HTTP/1.1\r\n\r\n");
}

TEST_P(RelayStaged, AnAnswerIsHeldAndNothingElseLetsItGo) {
  established(500ms);
  client_.send("GET / HTTP/1.1\r\n\r\n");
  const auto script = relay_.client(client_says());
  ASSERT_GE(script.size(), 2U);
  EXPECT_EQ(script.front(), "pause upstream");
  EXPECT_TRUE(script.at(1).starts_with("timer ")) << script.at(1);
  EXPECT_EQ(relay_.all_written(), kNothing);
  client_.send("more");
  EXPECT_EQ(relay_.client(client_says()), Script{"write upstream"}) << "held once";
  EXPECT_EQ(relay_.timed_out(), Script{"resume upstream"});
}

TEST_P(RelayStaged, AnAnswerThatIsCutOffLooksCutOff) {
  established();
  EXPECT_EQ(relay_.ended(kUpstream), Script{"finish client"});
  client_reads();
  EXPECT_EQ(SSL_get_shutdown(client_.get()), 0) << "no close_notify";
  EXPECT_EQ(relay_.ended(kClient), (Script{"finish upstream", "close"}));
}

TEST_P(RelayStaged, AServerThatDiesIsADeadConnection) {
  established();
  EXPECT_EQ(relay_.ended(kUpstream, Ended::reset), (Script{"reset client", "close"}));
  EXPECT_EQ(relay_.facts().upstream_failure, "it reset the connection");
}

TEST_P(RelayStaged, AnAlertEndsItAndTheClientsOwnEndIsAwaited) {
  established();
  const auto alert = std::string("\x15\x03\x03\x00\x02\x02\x2a", 7);  // in the clear: it is not taken for one
  const auto script = relay_.client(alert);
  EXPECT_TRUE(has(script, "finish upstream"));
  EXPECT_TRUE(has(script, "finish client"));
  EXPECT_TRUE(has(script, "timer 30000"));
  relay_.client("pd7s0123456789abcdef01234567");
  EXPECT_EQ(relay_.seen().plain_secrets.size(), 1U);
  EXPECT_EQ(relay_.ended(kClient, Ended::reset), (Script{"reset upstream", "close"}));
  EXPECT_EQ(relay_.seen().ended, Ended::reset);
}

TEST_P(RelayStaged, DataBehindCloseNotifyIsReadOrCountedAlsoWhenTheServerHasLeft) {
  established();
  client_.close();
  relay_.client(client_says());
  EXPECT_TRUE(relay_.seen().close_notify);
  relay_.all_written();
  EXPECT_EQ(relay_.ended(kUpstream), (Script{"finish client", "timer 30000"}));
  SSL_set_shutdown(client_.get(), 0);                         // as if it had said nothing
  client_.send("POST / HTTP/1.1\r\nHost: app.pin.test\r\n");  // longer than any alert, which counts for nothing
  EXPECT_EQ(relay_.client(client_says()), kNothing);
  EXPECT_GT(relay_.seen().data_bytes + relay_.seen().unread_bytes, 0U);
  EXPECT_EQ(relay_.timed_out(), Script{"close"});
}

}  // namespace
}  // namespace pindrill

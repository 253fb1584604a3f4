// What a relay decides, as sequences of events and of what it wants done. No socket, no thread, no waiting.

#include "relay.h"

#include <gtest/gtest.h>

#include "support/interception.h"
#include "support/playbook.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::client_hello;
using test::Playbook;
using test::Script;

constexpr auto kClient = Side::client;
constexpr auto kUpstream = Side::upstream;
constexpr std::size_t kMuch = 300 * 1024;
const std::string kConnect = "CONNECT app.pin.test:443 HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";
const Script kNothing = {};
const Script kAsked = {"pause client", "pause upstream", "timer 30000", "ask"};

// --- to the decision -------------------------------------------------------------------------------------------

TEST(Relay, ATunnelIsOpenedOnceItsServerIsThere) {
  Playbook relay;
  EXPECT_EQ(relay.started(), Script{"timer 30000"});
  EXPECT_EQ(relay.client(kConnect.substr(0, 9)), kNothing);
  EXPECT_EQ(relay.client(kConnect.substr(9)), (Script{"pause client", "connect app.pin.test:443"}));
  EXPECT_EQ(relay.connected(), (Script{"write client", "resume client"}));
  EXPECT_EQ(relay.take(kClient), "HTTP/1.1 200 Connection established\r\n\r\n");
  EXPECT_EQ(relay.facts().upstream_address, "192.0.2.1");
  EXPECT_EQ(relay.client(client_hello()), kAsked);
  EXPECT_EQ(relay.facts().host, test::kHost);
}

TEST(Relay, WhatCameBehindTheConnectIsNotLost) {
  Playbook relay;
  relay.started();
  const auto hello = client_hello();
  relay.client(kConnect + hello.substr(0, 20));
  relay.connected();
  EXPECT_EQ(relay.client(hello.substr(20)), kAsked);
  relay.pass();
  EXPECT_EQ(relay.take(kUpstream), hello);
}

TEST(Relay, AFixedServerIsConnectedInAdvance) {
  Playbook relay(Way::reverse);
  EXPECT_EQ(relay.started(), (Script{"timer 30000", "connect app.pin.test:443"}));
  EXPECT_EQ(relay.client(client_hello()), (Script{"pause client", "timer 30000", "ask"}));
  EXPECT_EQ(relay.connected(), Script{"pause upstream"}) << "until it is decided";
  EXPECT_EQ(relay.pass(), (Script{"no timer", "resume upstream", "write upstream", "resume client"}));
}

TEST(Relay, ADecisionMayComeBeforeTheConnection) {
  Playbook relay(Way::direct);
  EXPECT_EQ(relay.started(), Script{"timer 30000"}) << "only the SNI will say where to";
  EXPECT_EQ(relay.client(client_hello()), (Script{"pause client", "timer 30000", "ask"}));
  EXPECT_EQ(relay.pass(), (Script{"no timer", "connect app.pin.test:443"}));
  EXPECT_EQ(relay.connected(), (Script{"write upstream", "resume client"}));
}

TEST(Relay, OnlyTheFirstDecisionCounts) {
  Playbook relay(Way::reverse);
  relay.started();
  EXPECT_EQ(relay.pass(), kNothing) << "nothing was asked yet";
  relay.client(client_hello());
  relay.connected();
  relay.pass();
  EXPECT_EQ(relay.pass(), kNothing);
  EXPECT_EQ(relay.stage(), kNothing);
  EXPECT_EQ(relay.facts().condition, "pass-through");
}

TEST(Relay, APausedSocketThatBrokeMayGiveMoreOfThePassedClient) {
  Playbook relay(Way::direct);
  relay.started();
  const auto hello = client_hello();
  relay.client(hello);
  relay.client("asked");
  relay.pass();
  relay.client("passed");
  relay.connected();
  EXPECT_EQ(relay.take(kUpstream), hello + "askedpassed");
}

// --- no connection to the upstream -----------------------------------------------------------------------------

TEST(RelayWithoutUpstream, TheProxysClientIsToldWhy) {
  Playbook relay;
  relay.started();
  relay.client(kConnect);
  EXPECT_EQ(relay.not_connected(), (Script{"write client", "finish client", "resume client", "timer 30000"}));
  EXPECT_TRUE(relay.take(kClient).starts_with("HTTP/1.1 502 "));
  EXPECT_EQ(relay.facts().failure, "no connection to the upstream");
  EXPECT_EQ(relay.facts().upstream_failure, "refused");
  EXPECT_EQ(relay.ended(kClient), Script{"close"});
}

TEST(RelayWithoutUpstream, TheClientHelloIsAwaitedAllTheSame) {
  Playbook relay(Way::reverse);
  relay.started();
  EXPECT_EQ(relay.not_connected(), kNothing);
  EXPECT_EQ(relay.client(client_hello()), (Script{"pause client", "timer 30000", "ask"}));
  EXPECT_EQ(relay.stage(), (Script{"no timer", "write client", "finish client", "resume client", "timer 30000"}));
  EXPECT_EQ(relay.take(kClient).size(), 7U) << "an alert";
  EXPECT_EQ(relay.seen().flight_made_at, 0);
}

TEST(RelayWithoutUpstream, AnotherFailureIsNotForgotten) {
  Playbook relay(Way::reverse);
  relay.started();
  relay.client(std::string("\x16\x03\x01\x00\x04none", 9));
  const auto failure = relay.facts().failure;
  EXPECT_TRUE(failure.starts_with("no ClientHello: ")) << failure;
  EXPECT_EQ(relay.not_connected(), kNothing);
  EXPECT_EQ(relay.facts().failure, failure);
}

// --- time ------------------------------------------------------------------------------------------------------

TEST(RelayTime, WhatATimeOutMeansIsToldByTheState) {
  Playbook silent;
  silent.started();
  EXPECT_EQ(silent.timed_out(), Script{"close"});
  EXPECT_EQ(silent.facts().failure, "nothing whole came in time");
  Playbook undecided(Way::reverse);
  undecided.started();
  undecided.client(client_hello());
  EXPECT_EQ(undecided.timed_out(), Script{"close"});
  EXPECT_EQ(undecided.facts().failure, "nothing was decided in time");
}

TEST(RelayTime, NothingHappensAfterTheClose) {
  Playbook relay(Way::reverse);
  relay.started();
  EXPECT_EQ(relay.end("ended from outside"), Script{"close"});
  EXPECT_EQ(relay.client(client_hello()), kNothing);
  EXPECT_EQ(relay.upstream("late"), kNothing);
  EXPECT_EQ(relay.timed_out(), kNothing);
  EXPECT_EQ(relay.written(kClient, 1), kNothing);
  EXPECT_EQ(relay.ended(kClient, Ended::reset), kNothing);
  EXPECT_EQ(relay.end("again"), kNothing);
  EXPECT_EQ(relay.facts().failure, "ended from outside");
  EXPECT_EQ(relay.seen().ended, Ended::open) << "it was ours";
}

// --- passing ---------------------------------------------------------------------------------------------------

class RelayPassing : public ::testing::Test {
 protected:
  RelayPassing() {
    relay_.started();
    relay_.connected();
    relay_.client(client_hello());
    relay_.pass();
    relay_.all_written();
    relay_.take(kUpstream);
  }

  Playbook relay_{Way::reverse};
};

TEST_F(RelayPassing, BothAreForwardedUntouched) {
  EXPECT_EQ(relay_.client("up"), Script{"forward upstream"});
  EXPECT_EQ(relay_.upstream("down"), Script{"forward client"});
  EXPECT_EQ(relay_.take(kUpstream), "up");
  EXPECT_EQ(relay_.take(kClient), "down");
  EXPECT_EQ(relay_.facts().upstream_bytes, 4U);
  EXPECT_EQ(relay_.seen().data_bytes, 0U);
}

TEST_F(RelayPassing, AFastSideWaitsForASlowOne) {
  relay_.upstream(std::string(kMuch, 'x'));
  EXPECT_EQ(relay_.written(kClient, 0, kMuch), Script{"pause upstream"});
  EXPECT_EQ(relay_.written(kClient, 100'000, kMuch - 100'000), kNothing) << "between the marks";
  EXPECT_EQ(relay_.written(kClient, kMuch, 0), Script{"resume upstream"});
  EXPECT_EQ(relay_.written(kUpstream, 0, kMuch), Script{"pause client"});
  EXPECT_EQ(relay_.written(kUpstream, kMuch, 0), Script{"resume client"});
}

TEST_F(RelayPassing, EndsAreHandedOnAndWaitForTheKernel) {
  relay_.upstream("answer");
  EXPECT_EQ(relay_.ended(kClient), Script{"finish upstream"});
  EXPECT_EQ(relay_.ended(kUpstream), Script{"finish client"}) << "its answer is not in the kernel yet";
  EXPECT_EQ(relay_.written(kClient, 6), Script{"close"});
  EXPECT_EQ(relay_.seen().ended, Ended::fin);
}

TEST_F(RelayPassing, ResetsAreHandedOnAtOnce) {
  EXPECT_EQ(relay_.ended(kClient, Ended::reset), (Script{"reset upstream", "close"}));
  EXPECT_EQ(relay_.seen().ended, Ended::reset);
}

TEST_F(RelayPassing, AResetOfTheServerIsTheClientsToo) {
  EXPECT_EQ(relay_.ended(kUpstream, Ended::reset), (Script{"reset client", "close"}));
  EXPECT_EQ(relay_.facts().upstream_failure, "it reset the connection");
  EXPECT_NE(relay_.facts().upstream_ended_at, 0);
}

TEST_F(RelayPassing, WhatTheRecordsTellIsInTheContact) {
  relay_.client(std::string("\x17\x03\x03\x00\x02xx", 7));
  relay_.end("");
  EXPECT_EQ(relay_.contact().passed_records, std::vector<std::uint16_t>{2});
}

// --- plain text ------------------------------------------------------------------------------------------------

const std::string kRequest = "GET http://app.pin.test/a HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";

TEST(RelayPlain, ARequestToAProxyIsForwardedAlone) {
  Playbook relay;
  relay.started();
  EXPECT_EQ(relay.client(kRequest + kRequest), (Script{"pause client", "connect app.pin.test:80"}));
  EXPECT_EQ(relay.connected(),
            (Script{"resume client", "no timer", "pause client", "write upstream", "timer 30000", "resume client"}));
  const auto sent = relay.take(kUpstream);
  EXPECT_TRUE(sent.starts_with("GET /a HTTP/1.1\r\n")) << sent;
  EXPECT_EQ(sent.find("GET", 3), std::string::npos) << sent;
  EXPECT_EQ(relay.timed_out(), Script{"close"});
  EXPECT_NE(relay.facts().failure.find("second plain request"), std::string::npos);
}

TEST(RelayPlain, ASecondRequestAfterTheAnswerIsTurnedAway) {
  Playbook relay;
  relay.started();
  relay.client(kRequest);
  relay.connected();
  relay.take(kUpstream);
  EXPECT_EQ(relay.upstream("HTTP/1.1 200 OK\r\n\r\n"), Script{"forward client"});
  relay.all_written();
  EXPECT_NE(relay.seen().response_sent_at, 0);
  EXPECT_EQ(relay.client(kRequest), (Script{"finish client", "timer 30000"}));
  EXPECT_EQ(relay.take(kUpstream), "");
}

TEST(RelayPlain, ARequestWithoutAnEndIsEndedAndNothingElseIsDone) {
  Playbook relay;
  relay.started();
  relay.client("POST http://app.pin.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n");
  const auto script = relay.connected();
  EXPECT_EQ(script.back(), "close");
  EXPECT_EQ(relay.take(kUpstream), "");
  EXPECT_EQ(relay.facts().failure, "a plain request of which nobody knows where it ends");
}

TEST(RelayPlain, AServerMaySpeakFirst) {
  Playbook relay(Way::reverse);
  relay.started();
  relay.connected();
  EXPECT_EQ(relay.upstream("220 hello\r\n"), (Script{"forward client", "no timer"}));
  EXPECT_EQ(relay.client("EHLO\r\n"), Script{"forward upstream"});
  EXPECT_TRUE(relay.seen().plaintext);
  EXPECT_EQ(relay.facts().upstream_bytes, 11U);
}

TEST(RelayPlain, AnAlertOfTheServerIsNoFirstWord) {
  Playbook relay(Way::reverse);
  relay.started();
  relay.connected();
  EXPECT_EQ(relay.upstream(std::string("\x15\x03\x03\x00\x02\x02\x50", 7)), Script{"forward client"});
  EXPECT_EQ(relay.client(client_hello()), kAsked);
}

TEST(RelayPlain, WhatNamesNoServerWasReadableAllTheSame) {
  const std::string secret = "pd7s0123456789abcdef01234567";
  Playbook relay(Way::direct);
  relay.started();
  relay.client("GET /" + secret + " HTTP/1.1\r\n");
  EXPECT_TRUE(relay.seen().plaintext);
  EXPECT_EQ(relay.seen().secrets, std::vector{secret});
  EXPECT_EQ(relay.client("\r\n"), (Script{"write client", "finish client", "timer 30000"}));
  EXPECT_EQ(relay.facts().failure, "neither TLS nor a request that says where it goes");
  EXPECT_FALSE(relay.facts().plaintext_forwarded);
  relay.ended(kClient);
  EXPECT_EQ(test::text_of(relay.contact().plaintext), "GET /" + secret + " HTTP/1.1\r\n\r\n");
}

TEST(RelayPlain, AClientThatOnlyListensIsServed) {
  Playbook relay(Way::reverse);
  relay.started();
  relay.connected();
  EXPECT_EQ(relay.ended(kClient), Script{"finish upstream"});
  EXPECT_EQ(relay.upstream("the time"), (Script{"forward client", "no timer"}));
  EXPECT_EQ(relay.ended(kUpstream), Script{"finish client"});
  EXPECT_EQ(relay.written(kClient, 8), Script{"close"});
}

TEST(RelayPlain, AClientThatLeavesBeforeItsServerIsThereIsOver) {
  Playbook relay(Way::reverse);
  relay.started();
  EXPECT_EQ(relay.ended(kClient), Script{"close"});
  EXPECT_EQ(relay.connected(), kNothing);
}

}  // namespace
}  // namespace pindrill

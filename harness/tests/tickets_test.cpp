#include <gtest/gtest.h>

#include <utility>

#include "pindrill/tls.h"
#include "support/server_end.h"
#include "support/serving.h"

namespace pindrill {
namespace {

using test::bytes_of;
using test::ClientOptions;
using test::End;
using test::exchange;
using test::handshake;
using test::Hierarchy;
using test::Socket;
using test::TlsClient;

struct SessionDeleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, SessionDeleter>;

std::shared_ptr<const ServerContext> with_tickets() {
  TlsOptions options;
  options.tickets = true;
  return std::make_shared<const ServerContext>(options);
}

/// One connection to a server that shows `credential` under a number and a label.
struct Visit {
  Visit(std::shared_ptr<const ServerContext> context, const Credential& credential, std::uint64_t number,
        const std::string& label, ClientOptions wanted, bool declines = false)
      : connection(std::move(context), facts), client(wanted) {
    facts.number = number;
    facts.credential = label;
    if (declines) connection.decline_tickets();
    connection.show(std::make_shared<const Credential>(credential));
  }

  /// The session that the client has of it, once all is said.
  SessionPtr session() {
    EXPECT_TRUE(exchange(client, connection));
    connection.send(bytes_of("x"));
    client.receive(connection.take_output());
    EXPECT_EQ(client.read(), "x");
    SessionPtr session(SSL_get1_session(client.get()));
    client.close();
    return session;
  }

  Observation facts;
  Connection connection;
  TlsClient client;
};

class Tickets : public ::testing::TestWithParam<int> {
 protected:
  ClientOptions fresh() const { return {GetParam()}; }
  ClientOptions resuming(const SessionPtr& session) const {
    auto options = fresh();
    options.session = session.get();
    return options;
  }
  bool tls13() const { return GetParam() == TLS1_3_VERSION; }

  const Credential genuine_ = Hierarchy().credential();
  const Credential other_ = Hierarchy("Other").credential();
  const std::shared_ptr<const ServerContext> context_ = with_tickets();
};

INSTANTIATE_TEST_SUITE_P(Version, Tickets, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

TEST_P(Tickets, AreCounted) {
  Visit visit(context_, genuine_, 1, "genuine", fresh());
  visit.session();
  EXPECT_EQ(visit.facts.tickets_sent, tls13() ? 2U : 1U);
  Visit without(std::make_shared<const ServerContext>(TlsOptions{}), genuine_, 1, "genuine", fresh());
  without.session();
  EXPECT_EQ(without.facts.tickets_sent, 0U);
}

TEST_P(Tickets, TellWhereTheirSessionBegan) {
  Visit first(context_, genuine_, 7, "the genuine one", fresh());
  auto session = first.session();
  EXPECT_FALSE(first.facts.resumed);
  EXPECT_EQ(first.facts.resumed_connection, 0U);
  EXPECT_EQ(first.facts.resumed_from, "");
  // Whoever has the ticket key needs no certificate; and a ticket of a resumed connection goes on with its session.
  for (const std::uint64_t number : {8U, 9U}) {
    Visit again(context_, other_, number, "another", resuming(session));
    session = again.session();
    EXPECT_TRUE(again.facts.resumed);
    EXPECT_EQ(again.facts.resumed_connection, 7U);
    EXPECT_EQ(again.facts.resumed_from, "the genuine one");
    EXPECT_FALSE(again.facts.ticket_declined);
    EXPECT_EQ(again.facts.flight_made_at, 0);
  }
}

TEST_P(Tickets, ThatAreDeclinedLeadToAFullHandshake) {
  Visit first(context_, genuine_, 1, "genuine", fresh());
  const auto session = first.session();
  Visit declined(context_, other_, 2, "rogue", resuming(session), true);
  const auto next = declined.session();
  EXPECT_TRUE(declined.facts.hello->psk_offered);
  EXPECT_TRUE(declined.facts.ticket_declined);
  EXPECT_FALSE(declined.facts.resumed);
  EXPECT_NE(declined.facts.flight_made_at, 0);
  Visit after(context_, other_, 3, "rogue", resuming(next));
  after.session();
  EXPECT_EQ(after.facts.resumed_from, "rogue") << "its own session began with the full handshake";
  EXPECT_EQ(after.facts.resumed_connection, 2U);
}

TEST_P(Tickets, OfAnotherContextAreNeitherTakenNorDeclined) {
  Visit first(with_tickets(), genuine_, 1, "genuine", fresh());
  const auto session = first.session();
  Visit other(context_, other_, 2, "rogue", resuming(session), true);
  other.session();
  EXPECT_TRUE(other.facts.hello->psk_offered);
  EXPECT_FALSE(other.facts.ticket_declined);
  EXPECT_FALSE(other.facts.resumed);
}

TEST_P(Tickets, AResumptionIsKnownBeforeTheClientsFinished) {
  Visit first(context_, genuine_, 1, "genuine", fresh());
  const auto session = first.session();
  Visit again(context_, genuine_, 2, "genuine", resuming(session));
  again.client.handshake();
  again.connection.receive(again.client.take_output());
  EXPECT_TRUE(again.facts.resumed);
  EXPECT_EQ(again.facts.finished_at, 0);
  const auto flight = again.connection.take_output().size();
  again.connection.written(flight - 1);
  EXPECT_EQ(again.facts.flight_sent_at, 0);
  again.connection.written(flight);
  EXPECT_NE(again.facts.flight_sent_at, 0);
  EXPECT_EQ(again.facts.flight_made_at, 0) << "no certificate was shown";
}

class TicketServer : public test::ServerTest {
 protected:
  static TlsOptions options() {
    TlsOptions options;
    options.tickets = true;
    return options;
  }
  TicketServer() : ServerTest(options()) {}

  SessionPtr ask(const SessionPtr& session = nullptr) {
    Socket socket(server_.port());
    TlsClient client(ClientOptions{.session = session.get()});
    EXPECT_TRUE(handshake(client, socket));
    client.send(test::kRequest);
    socket.send(test::text_of(client.take_output()));
    EXPECT_EQ(read_all(client, socket), test::kResponse);
    SessionPtr kept(SSL_get1_session(client.get()));
    client.close();
    return kept;
  }
};

TEST_F(TicketServer, DeclinesTicketsWhereItIsToldTo) {
  auto session = ask();
  for (const bool takes : {false, true}) {
    auto next = shown(takes ? "takes" : "declines");
    next.takes_tickets = takes;
    server_.serve(next);
    session = ask(session);
  }
  const auto facts = settled();
  ASSERT_EQ(facts.size(), 3U);
  EXPECT_TRUE(facts[1].ticket_declined);
  EXPECT_FALSE(facts[1].resumed);
  EXPECT_TRUE(facts[2].resumed);
  EXPECT_EQ(facts[2].resumed_from, "declines");
  EXPECT_EQ(facts[2].resumed_connection, 2U);
}

}  // namespace
}  // namespace pindrill

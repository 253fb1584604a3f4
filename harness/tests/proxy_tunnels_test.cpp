// How a proxy relays what goes through its tunnels, and when it and its connections end.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/interception.h"
#include "support/proxying.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using test::connect_through;
using test::Doorstep;
using test::kHere;
using test::kHost;
using test::ProxyTest;
using test::Socket;
using test::SocketEnd;

// --- a relay -----------------------------------------------------------------------------------------------------

/// Raw sockets on both sides of a tunnel.
class TunnelTest : public ProxyTest {
 protected:
  Socket tunnel() {
    http().lead_to({kHere, door_.port()});
    Socket client(opened_->port());
    EXPECT_EQ(connect_through(client, kHost + ":"s + std::to_string(door_.port())),
              "HTTP/1.1 200 Connection established\r\n\r\n");
    return client;
  }

  ProxyLeg leg() {
    EXPECT_TRUE(opened_->settle(door_.port(), 20s));
    return opened_->take().at(0);
  }

  Doorstep door_;
};

TEST_F(TunnelTest, OneSideMayEndBeforeTheOther) {
  auto client = tunnel();
  auto server = door_.accept();
  client.send("all that I say");
  client.finish();
  EXPECT_EQ(server.read_all(), "all that I say");
  EXPECT_EQ(server.end(), SocketEnd::fin);
  server.send("an answer");
  server.close();
  EXPECT_EQ(client.read_all(), "an answer");
  EXPECT_EQ(client.end(), SocketEnd::fin);
  EXPECT_EQ(leg().seen.ended, Ended::fin);
}

TEST_F(TunnelTest, TheServerSeesAReset) {
  auto client = tunnel();
  auto server = door_.accept();
  client.send("x");
  EXPECT_EQ(server.receive(), "x");
  client.reset();
  server.read_all();
  EXPECT_EQ(server.end(), SocketEnd::reset);
  EXPECT_EQ(leg().seen.ended, Ended::reset);
}

TEST_F(TunnelTest, TheClientSeesAReset) {
  auto client = tunnel();
  auto server = door_.accept();
  server.send("x");
  EXPECT_EQ(client.receive(), "x");
  server.reset();
  client.read_all();
  EXPECT_EQ(client.end(), SocketEnd::reset);
}

TEST_F(TunnelTest, AFastSideWaitsForASlowOne) {
  const std::string much(32 * 1024 * 1024, 'm');
  auto client = tunnel();
  auto server = door_.accept();
  std::atomic<bool> sent = false;
  std::thread sender([&] {
    client.send(much);
    client.finish();
    sent = true;
  });
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(sent) << "somebody takes it all into memory";
  EXPECT_EQ(server.read_all().size(), much.size());
  sender.join();
  std::thread answerer([&] {
    server.send(much);
    server.close();
  });
  EXPECT_EQ(client.read_all().size(), much.size());
  answerer.join();
  EXPECT_EQ(leg().tunnel_bytes_up, much.size());
}

// --- settling ----------------------------------------------------------------------------------------------------

TEST_F(TunnelTest, SettlingWaitsForWhatLeadsThere) {
  auto client = tunnel();
  auto server = door_.accept();
  EXPECT_FALSE(opened_->settle(door_.port(), 50ms));
  EXPECT_TRUE(opened_->settle(server_.port(), 20s)) << "that leads elsewhere";
  std::thread ending([&] {
    std::this_thread::sleep_for(50ms);
    client.close();
    server.close();
  });
  EXPECT_TRUE(opened_->settle(door_.port(), 20s));
  ending.join();
}

TEST_F(ProxyTest, SettlingWaitsForWhatMayStillLeadThere) {
  Socket client(http().port());
  client.send("CONN");
  EXPECT_FALSE(opened_->settle(server_.port(), 50ms));
  client.close();
  EXPECT_TRUE(opened_->settle(server_.port(), 20s));
}

TEST_F(ProxyTest, AnOpeningThatNeverEndsIsEnded) {
  open({ProxyLanguage::http, false, "http"}, [](ProxyOptions& options) { options.patience = 50ms; });
  Socket client(opened_->port());
  client.send("CONN");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(only_leg().failure, "it asked for nothing in time");
}

TEST_F(ProxyTest, TooManyAreTurnedAway) {
  open({ProxyLanguage::http, false, "http"}, [](ProxyOptions& options) { options.max_connections = 1; });
  Socket client(opened_->port());
  EXPECT_TRUE(connect_through(client, host_port_).starts_with("HTTP/1.1 200 "));
  Socket second(opened_->port());
  second.read_all();
  EXPECT_EQ(opened_->turned_away(), 1U);
}

TEST_F(ProxyTest, ItsEndIsTheEndOfItsConnections) {
  Socket client(http().port());
  EXPECT_TRUE(connect_through(client, host_port_).starts_with("HTTP/1.1 200 "));
  opened_.reset();
  client.read_all();
  EXPECT_NE(client.end(), SocketEnd::timeout);
  EXPECT_EQ(settled().size(), 1U);
}

TEST_F(ProxyTest, AProxyOverTlsNeedsACertificate) {
  EXPECT_THROW(open({ProxyLanguage::http, true, "https"}, [](ProxyOptions& options) { options.credential = nullptr; }),
               Error);
}

}  // namespace
}  // namespace pindrill

#include "pindrill/proxy.h"

#include <gtest/gtest.h>

#include "support/interception.h"
#include "support/proxying.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using test::connect_through;
using test::Doorstep;
using test::eventually;
using test::kHere;
using test::kHost;
using test::Kind;
using test::kRequest;
using test::kSecret;
using test::ProxyTest;
using test::Socket;
using test::TlsClient;

class EveryKind : public ProxyTest, public ::testing::WithParamInterface<Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         ::testing::Values(Kind{ProxyLanguage::http, false, "http"},
                                           Kind{ProxyLanguage::socks, false, "socks5h"},
                                           Kind{ProxyLanguage::http, true, "https"}),
                         [](const auto& info) { return ::testing::PrintToString(info.param); });

TEST_P(EveryKind, CurlIsAnsweredByTheServerBehindIt) {
  open(GetParam());
  const auto finished = curl(GetParam().scheme, genuine_.root.certificate(), proxy_.root.certificate());
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(finished.output, "canary");
  const auto leg = only_leg();
  EXPECT_EQ(leg.host, kHost);
  EXPECT_EQ(leg.port, server_.port());
  EXPECT_TRUE(leg.asked_for_tunnel);
  EXPECT_TRUE(leg.connected);
  EXPECT_EQ(leg.failure, "");
  EXPECT_TRUE(leg.seen.secrets.empty() && leg.seen.plain_secrets.empty() && leg.tunnel_secrets.empty());
  EXPECT_NE(leg.seen.ended, Ended::open);
  EXPECT_GT(leg.tunnel_bytes_up, 0U);
  EXPECT_GT(leg.tunnel_bytes_down, 0U);
  EXPECT_EQ(leg.seen.plaintext, !GetParam().over_tls);
  EXPECT_EQ(leg.seen.finished_at != 0, GetParam().over_tls);
  EXPECT_EQ(leg.seen.credential, GetParam().over_tls ? "proxy" : "");
  EXPECT_EQ(leg.seen.request_line,
            GetParam().language == ProxyLanguage::http ? "CONNECT " + host_port_ + " HTTP/1.1" : "");
  const auto seen = settled();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].secrets, std::vector{kSecret});
  EXPECT_NE(seen[0].ended, Ended::open);
}

TEST_P(EveryKind, TheServerSeesHowCurlRefusesIt) {
  open(GetParam());
  const auto finished = curl(GetParam().scheme, proxy_.root.certificate(), proxy_.root.certificate());
  // Not always 60: curl 7.88 forgets the reason while it writes the alert through its TLS with the proxy.
  EXPECT_NE(finished.exit_code, 0) << finished.errors;
  EXPECT_TRUE(only_leg().connected);
  const auto seen = settled();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].secrets.empty());
  ASSERT_FALSE(seen[0].alerts.empty());
  EXPECT_EQ(seen[0].alerts[0].number, SSL_AD_UNKNOWN_CA);
}

TEST_F(ProxyTest, AProxyThatIsNotTrustedSeesNoOpening) {
  open({ProxyLanguage::http, true, "https"});
  EXPECT_EQ(curl("https", genuine_.root.certificate(), genuine_.root.certificate()).exit_code, 60);
  const auto leg = only_leg();
  EXPECT_FALSE(leg.asked_for_tunnel);
  ASSERT_FALSE(leg.seen.alerts.empty());
  EXPECT_EQ(leg.seen.alerts[0].number, SSL_AD_UNKNOWN_CA);
  EXPECT_NE(leg.failure.find("no TLS connection with the proxy"), std::string::npos);
  EXPECT_EQ(server_.connections(), 0U);
}

// --- what is given away on the proxy's leg -----------------------------------------------------------------------

TEST_F(ProxyTest, ARequestInAbsoluteFormIsHeardAndNotForwarded) {
  Socket client(http().port());
  client.send("POST http://" + host_port_ + "/ HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\n");
  client.send(kSecret);
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 403 "));
  client.finish();
  const auto leg = only_leg();
  EXPECT_EQ(leg.host, kHost);
  EXPECT_EQ(leg.port, server_.port());
  EXPECT_FALSE(leg.asked_for_tunnel);
  EXPECT_TRUE(leg.seen.plaintext);
  EXPECT_EQ(leg.seen.secrets, std::vector{kSecret});
  EXPECT_EQ(leg.seen.progress, Progress::body);
  EXPECT_EQ(server_.connections(), 0U);
}

TEST_F(ProxyTest, ARequestForAnHttpsUrlIsHeardInsideTheTlsOfTheProxy) {
  Socket socket(open({ProxyLanguage::http, true, "https"}).port());
  TlsClient client({});
  ASSERT_TRUE(test::handshake(client, socket));
  client.send("GET https://" + host_port_ + "/" + kSecret + " HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto output = client.take_output();
  socket.send(test::text_of(output));
  EXPECT_TRUE(test::read_all(client, socket).starts_with("HTTP/1.1 400 "));
  socket.close();
  const auto leg = only_leg();
  EXPECT_FALSE(leg.seen.plaintext);
  EXPECT_EQ(leg.seen.secrets, std::vector{kSecret});
  EXPECT_TRUE(leg.seen.plain_secrets.empty());
  EXPECT_FALSE(leg.asked_for_tunnel);
}

TEST_F(ProxyTest, SecretsBehindARefusalAreFacts) {
  Socket client(http().port());
  client.send("CONNECT elsewhere.test:443 HTTP/1.1\r\n\r\n" + kRequest);
  client.finish();
  client.read_all();
  std::vector<ProxyLeg> legs;
  ASSERT_TRUE(eventually([&] {
    legs = opened_->take();
    return legs.size() == 1 && legs[0].seen.ended != Ended::open;
  }));
  EXPECT_EQ(legs[0].host, "elsewhere.test");
  EXPECT_TRUE(legs[0].asked_for_tunnel);
  EXPECT_FALSE(legs[0].connected);
  EXPECT_NE(legs[0].failure.find("no server that this proxy leads to"), std::string::npos);
  EXPECT_EQ(legs[0].connect_failure, "") << "it was not even tried";
  EXPECT_EQ(legs[0].seen.secrets, std::vector{kSecret});
  EXPECT_TRUE(opened_->take().empty()) << "each once";
}

TEST_F(ProxyTest, ASecretInPlainTextInsideATunnelIsAFactOfBothEnds) {
  Socket client(http().port());
  client.send("CONNECT " + host_port_ + " HTTP/1.1\r\n\r\n" + kRequest);
  EXPECT_NE(client.read_all().find("canary"), std::string::npos);
  client.close();
  const auto leg = only_leg();
  EXPECT_EQ(leg.tunnel_secrets, std::vector{kSecret});
  EXPECT_TRUE(leg.seen.secrets.empty());
  const auto seen = settled();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].plaintext);
  EXPECT_EQ(seen[0].secrets, std::vector{kSecret});
}

TEST_F(ProxyTest, PlainTextToAProxyThatSpeaksTlsIsHeard) {
  Socket client(open({ProxyLanguage::http, true, "https"}).port());
  client.send("CONNECT " + host_port_ + " HTTP/1.1\r\n\r\n" + kRequest);
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  const auto leg = only_leg();
  EXPECT_TRUE(leg.seen.plaintext);
  EXPECT_FALSE(leg.asked_for_tunnel) << "it was said to nobody who understands it";
  EXPECT_EQ(leg.failure, "it spoke no TLS to a proxy that does");
  EXPECT_EQ(leg.seen.secrets, std::vector{kSecret});
}

TEST_F(ProxyTest, ASecretBesideTheTlsOfTheProxyIsAPlainSecret) {
  Socket socket(open({ProxyLanguage::http, true, "https"}).port());
  TlsClient client({});
  ASSERT_TRUE(test::handshake(client, socket));
  socket.send(kRequest);
  socket.finish();
  socket.read_all();
  const auto leg = only_leg();
  EXPECT_EQ(leg.seen.plain_secrets, std::vector{kSecret});
  EXPECT_FALSE(leg.seen.plaintext);
}

// --- where tunnels lead ------------------------------------------------------------------------------------------

TEST_F(ProxyTest, ATunnelLeadsToAServerOnlyAsLongAsItIsTold) {
  auto& proxy = http();
  proxy.lead_no_more_to({kHere, server_.port()});
  Socket client(proxy.port());
  EXPECT_TRUE(connect_through(client, host_port_).starts_with("HTTP/1.1 403 "));
  proxy.lead_to({kHere, server_.port()});
  Socket again(proxy.port());
  EXPECT_TRUE(connect_through(again, host_port_).starts_with("HTTP/1.1 200 "));
}

TEST_F(ProxyTest, AnAddressWillDoForAName) {
  Socket client(http().port());
  EXPECT_TRUE(connect_through(client, kHere + ":"s + std::to_string(server_.port())).starts_with("HTTP/1.1 200 "));
}

TEST_F(ProxyTest, AServerThatIsGoneIsABadGateway) {
  std::uint16_t gone = 0;
  {
    const Doorstep door;
    gone = door.port();
  }
  auto& proxy = http();
  proxy.lead_to({kHere, gone});
  Socket client(proxy.port());
  EXPECT_TRUE(connect_through(client, kHost + ":"s + std::to_string(gone)).starts_with("HTTP/1.1 502 "));
  client.close();
  EXPECT_TRUE(proxy.settle(gone, 20s));
  const auto legs = proxy.take();
  ASSERT_EQ(legs.size(), 1U);
  EXPECT_FALSE(legs[0].connected);
  EXPECT_EQ(legs[0].failure, "no connection to the server");
  EXPECT_NE(legs[0].connect_failure.find("Connection refused"), std::string::npos);
}

TEST_F(ProxyTest, SocksRefusesByItsOwnReply) {
  Socket client(open({ProxyLanguage::socks, false, "socks5h"}).port());
  client.send("\x05\x01\x00"s);
  EXPECT_EQ(client.receive(), "\x05\x00"s);
  client.send("\x05\x01\x00\x03\x0a"s + "other.test" + "\x01\xbb"s);
  EXPECT_EQ(client.receive().substr(0, 2), "\x05\x02"s);
}

}  // namespace
}  // namespace pindrill

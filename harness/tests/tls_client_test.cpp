#include "pindrill/tls_client.h"

#include <gtest/gtest.h>

#include "support/command.h"
#include "support/hierarchy.h"
#include "support/tls_client.h"

namespace pindrill {
namespace {

using test::bytes_of;
using test::Directory;
using test::Hierarchy;
using test::text_of;

/// A client of ours and a server's end, with wire between them.
struct Pair {
  explicit Pair(const std::string& host = test::kHost, bool trusted = true, const TlsOptions& options = {},
                const std::vector<std::string>& alpn = {"h2", "http/1.1"},
                const std::optional<Credential>& shown = std::nullopt)
      : server(std::make_shared<const ServerContext>(options), facts),
        client(std::make_shared<const ClientContext>(
                   directory.write("trust.pem", (trusted ? genuine : other).root.certificate().pem())),
               host, alpn),
        credential(shown.value_or(genuine.credential())) {
    server.show(std::make_shared<const Credential>(credential));
    client.receive({});
    carry();
  }

  void carry() {
    for (Bytes up, down; up = client.take_output(), server.receive(up), down = server.take_output(),
                         client.receive(down), !up.empty() || !down.empty();) {
    }
  }

  const Hierarchy genuine{"Genuine"};
  const Hierarchy other{"Other"};
  const Directory directory;
  Observation facts;
  Connection server;
  ClientConnection client;
  const Credential credential;
};

class ClientVersions : public ::testing::TestWithParam<int> {
 protected:
  TlsOptions only() const {
    TlsOptions options;
    options.min_version = options.max_version = GetParam();
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, ClientVersions, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(ClientVersions, SpeaksWithAServerThatVerifies) {
  Pair pair(test::kHost, true, only());
  ASSERT_TRUE(pair.client.established()) << pair.client.failure();
  EXPECT_EQ(pair.client.alpn(), "http/1.1");
  EXPECT_EQ(pair.client.version(), GetParam() == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
  EXPECT_EQ(pair.client.chain(), pair.credential.chain);
  EXPECT_EQ(pair.facts.hello->sni, test::kHost);
  EXPECT_EQ(pair.facts.hello->alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  pair.client.send(bytes_of("ping"));
  pair.carry();
  EXPECT_EQ(text_of(pair.server.take_data()), "ping");
  pair.server.send(bytes_of("pong"));
  pair.carry();
  EXPECT_EQ(text_of(pair.client.take_data()), "pong");
}

TEST_P(ClientVersions, RefusesAServerThatNobodyTrusts) {
  Pair pair(test::kHost, false, only());
  EXPECT_FALSE(pair.client.established());
  EXPECT_TRUE(pair.client.over());
  EXPECT_NE(pair.client.failure().find("certificate is not good"), std::string::npos) << pair.client.failure();
  EXPECT_EQ(pair.facts.data_bytes, 0U);
  ASSERT_FALSE(pair.facts.alerts.empty());
  EXPECT_EQ(pair.facts.alerts[0].number, SSL_AD_UNKNOWN_CA);
}

TEST_P(ClientVersions, RefusesAnotherName) {
  for (const auto* host : {"other.pin.test", "pin.test", "127.0.0.1", "app.pin.test.evil.test"}) {
    Pair pair(host, true, only());
    EXPECT_FALSE(pair.client.established()) << host;
    EXPECT_NE(pair.client.failure().find("mismatch"), std::string::npos) << pair.client.failure();
  }
}

TEST_P(ClientVersions, BothMayCloseOneAfterTheOther) {
  Pair pair(test::kHost, true, only());
  pair.client.close();
  pair.client.close();
  pair.carry();
  EXPECT_TRUE(pair.facts.close_notify);
  pair.server.send(bytes_of("still here"));
  pair.carry();
  pair.client.close();
  EXPECT_EQ(text_of(pair.client.take_data()), "still here");
  EXPECT_FALSE(pair.client.over()) << pair.client.failure();
  EXPECT_FALSE(pair.client.closed());
  pair.server.close();
  pair.carry();
  EXPECT_TRUE(pair.client.closed());
}

TEST_P(ClientVersions, ClosingTwiceDropsNothing) {
  Pair pair(test::kHost, true, only());
  pair.server.close();
  pair.client.receive(pair.server.take_output());
  pair.client.send(bytes_of("on its way"));
  const auto late = pair.client.take_output();
  pair.server.receive(late);
  pair.server.close();
  EXPECT_EQ(text_of(pair.server.take_data()), "on its way");
  EXPECT_FALSE(pair.server.over()) << pair.facts.failure;
}

TEST(ClientConnection, VerifiesAnAddressAsAnAddress) {
  const Hierarchy genuine;
  auto spec = test::leaf_spec();
  spec.ip = {"192.0.2.7"};
  const auto leaf = genuine.intermediate.issue(genuine.leaf_key, spec);
  Pair pair("192.0.2.7", true, {}, {}, Credential{genuine.leaf_key, {leaf, genuine.intermediate.certificate()}});
  EXPECT_FALSE(pair.client.established()) << "of another hierarchy";
  const Directory directory;
  Observation facts;
  Connection server(std::make_shared<const ServerContext>(TlsOptions{}), facts);
  server.show(
      std::make_shared<const Credential>(Credential{genuine.leaf_key, {leaf, genuine.intermediate.certificate()}}));
  ClientConnection client(
      std::make_shared<const ClientContext>(directory.write("trust.pem", genuine.root.certificate().pem())),
      "192.0.2.7", {});
  client.receive({});
  for (int i = 0; i < 4; ++i) {
    server.receive(client.take_output());
    client.receive(server.take_output());
  }
  EXPECT_TRUE(client.established()) << client.failure();
  EXPECT_EQ(facts.hello->sni, "") << "RFC 6066: no address there";
}

TEST(ClientConnection, RefusesNamesThatWouldNotBeVerified) {
  const auto context = std::make_shared<const ClientContext>("");
  using namespace std::string_literals;
  for (const auto& host : {""s, ".pin.test"s, "app.pin.test\0.evil.test"s, std::string(300, 'x')}) {
    EXPECT_THROW(ClientConnection(context, host, {}), Error) << host;
  }
}

TEST(ClientConnection, NamesAFileThatIsNoTrustStore) {
  const Directory directory;
  try {
    ClientContext(directory.write("none.pem", "nothing"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_NE(std::string(error.what()).find("none.pem"), std::string::npos);
  }
}

TEST(ClientConnection, GarbageIsAFailureAndNothingElse) {
  ClientConnection client(std::make_shared<const ClientContext>(""), test::kHost, {});
  client.receive({});
  client.take_output();
  client.receive(bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_TRUE(client.over());
  client.receive(bytes_of("more"));
  client.send(bytes_of("x"));
  client.close();
  EXPECT_TRUE(client.take_data().empty());
}

}  // namespace
}  // namespace pindrill

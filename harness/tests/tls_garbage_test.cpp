#include <gtest/gtest.h>

#include <random>

#include "pindrill/tls.h"
#include "support/server_end.h"

namespace pindrill {
namespace {

using test::bytes_of;
using test::ClientOptions;
using test::End;
using test::exchange;
using test::Hierarchy;
using test::TlsClient;

Bytes client_hello() {
  TlsClient client(ClientOptions{});
  client.handshake();
  return client.take_output();
}

TEST(TlsGarbage, AnAlteredHelloNeverThrows) {
  const auto credential = Hierarchy().credential();
  const auto context = std::make_shared<const ServerContext>(TlsOptions{});
  const auto hello = client_hello();
  for (std::size_t at = 0; at < hello.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
      auto altered = hello;
      altered[at] = static_cast<unsigned char>(altered[at] ^ flip);
      End end(context, credential);
      EXPECT_NO_THROW(end.connection.receive(altered));
      EXPECT_FALSE(end.connection.established());
      (void)end.connection.take_output();
    }
  }
}

TEST(TlsGarbage, NoiseNeverThrowsAndGivesNoData) {
  const auto credential = Hierarchy().credential();
  const auto context = std::make_shared<const ServerContext>(TlsOptions{});
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    End end(context, credential);
    if (round % 2 == 0) end.connection.receive(client_hello());
    for (int piece = 0; piece < 4; ++piece) {
      Bytes noise(random() % 200);
      for (auto& byte : noise) byte = static_cast<unsigned char>(random());
      if (!noise.empty() && round % 3 == 0) noise[0] = static_cast<unsigned char>(20 + random() % 4);
      EXPECT_NO_THROW(end.connection.receive(noise));
      end.connection.send(bytes_of("x"));
      end.connection.close();
      (void)end.connection.take_output();
    }
    EXPECT_TRUE(end.connection.take_data().empty());
    EXPECT_EQ(end.facts.finished_at, 0);
  }
}

TEST(TlsGarbage, OneConnectionsErrorsAreNotAnothers) {
  const Hierarchy genuine;
  const auto context = std::make_shared<const ServerContext>(TlsOptions{});
  End good(context, genuine.credential());
  TlsClient client(ClientOptions{});
  client.handshake();
  const auto hello = client.take_output();
  End bad(context, genuine.credential());
  good.connection.receive(std::span(hello).first(20));
  bad.connection.receive(bytes_of("\x16\x03\x01garbage garbage garbage"));
  EXPECT_TRUE(bad.connection.over());
  good.connection.receive(std::span(hello).subspan(20));
  client.receive(good.connection.take_output());
  EXPECT_TRUE(exchange(client, good.connection));
  EXPECT_EQ(good.facts.failure, "");
}

}  // namespace
}  // namespace pindrill

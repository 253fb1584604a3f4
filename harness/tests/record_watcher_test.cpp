#include "record_watcher.h"

#include <gtest/gtest.h>

#include "support/hierarchy.h"
#include "support/tls_client.h"

namespace pindrill {
namespace {

using test::bytes_of;
using test::ClientOptions;
using test::TlsClient;

/// What both sides of a real handshake, and of some data, put on the wire.
struct Wire {
  Bytes up;
  Bytes down;
};

Wire recorded(int version, const std::string& said, const char* client_groups = nullptr) {
  const test::Hierarchy genuine;
  TlsOptions options;
  Observation facts;
  Connection server(std::make_shared<const ServerContext>(options), facts);
  server.show(std::make_shared<const Credential>(genuine.credential()));
  ClientOptions wanted;
  wanted.version = version;
  TlsClient client(wanted);
  if (client_groups != nullptr) SSL_set1_groups_list(client.get(), client_groups);
  Wire wire;
  const auto carry = [&] {
    const auto up = client.take_output();
    wire.up.insert(wire.up.end(), up.begin(), up.end());
    server.receive(up);
    const auto down = server.take_output();
    wire.down.insert(wire.down.end(), down.begin(), down.end());
    client.receive(down);
    return !up.empty() || !down.empty();
  };
  bool through = false;
  do {
    through = client.handshake();
  } while (carry());
  EXPECT_TRUE(through);
  if (!said.empty()) client.send(said);
  carry();
  return wire;
}

RecordWatcher watched(const Wire& wire, std::size_t piece) {
  RecordWatcher watcher;
  const auto in_pieces = [piece](std::span<const unsigned char> bytes, const auto& feed) {
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  };
  in_pieces(wire.up, [&](auto bytes) { watcher.from_client(bytes); });
  in_pieces(wire.down, [&](auto bytes) { watcher.from_server(bytes); });
  return watcher;
}

class Watched : public ::testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Pieces, Watched, ::testing::Values(1, 3, 700, 1'000'000));

TEST_P(Watched, Tls13FinishedAndData) {
  const auto watcher = watched(recorded(TLS1_3_VERSION, "0123456789"), GetParam());
  EXPECT_EQ(watcher.version(), "TLSv1.3");
  const std::vector<std::uint16_t> expected = {69, 27};  // Finished with SHA-384: 4 + 48 + 17; data: 10 + 17
  EXPECT_EQ(watcher.client_records(), expected);
}

TEST_P(Watched, Tls12DataOnly) {
  const auto watcher = watched(recorded(TLS1_2_VERSION, "0123456789"), GetParam());
  EXPECT_EQ(watcher.version(), "TLSv1.2");
  const std::vector<std::uint16_t> expected = {34};  // explicit nonce 8 + 10 + tag 16
  EXPECT_EQ(watcher.client_records(), expected);
}

TEST_P(Watched, Tls12WithoutData) {
  EXPECT_TRUE(watched(recorded(TLS1_2_VERSION, ""), GetParam()).client_records().empty());
}

TEST_P(Watched, AHelloRetryRequestTellsAsWell) {
  // The first group is one that the server does not do: it asks for another.
  const auto wire = recorded(TLS1_3_VERSION, "x", "ffdhe2048:X25519");
  EXPECT_EQ(watched(wire, GetParam()).version(), "TLSv1.3");
}

Bytes server_hello(std::size_t share, bool over_records = false, std::uint16_t legacy = 0x0303) {
  Bytes body = {static_cast<unsigned char>(legacy >> 8), static_cast<unsigned char>(legacy)};
  const auto number = [](Bytes& to, std::size_t value) {
    to.push_back(static_cast<unsigned char>(value >> 8));
    to.push_back(static_cast<unsigned char>(value));
  };
  body.insert(body.end(), 32, 7);
  body.push_back(32);
  body.insert(body.end(), 32, 9);
  body.insert(body.end(), {0x13, 0x01, 0});
  if (share > 0) {
    Bytes extensions;
    number(extensions, 51);  // key_share, X25519MLKEM768, before supported_versions
    number(extensions, share + 4);
    number(extensions, 0x11ec);
    number(extensions, share);
    extensions.insert(extensions.end(), share, 1);
    extensions.insert(extensions.end(), {0, 43, 0, 2, 3, 4});
    number(body, extensions.size());
    body.insert(body.end(), extensions.begin(), extensions.end());
  }
  Bytes message = {2, 0};
  number(message, body.size());
  message.insert(message.end(), body.begin(), body.end());
  Bytes records;
  const auto most = over_records ? 100 : message.size();
  for (std::size_t at = 0; at < message.size(); at += most) {
    const auto size = std::min(most, message.size() - at);
    records.insert(records.end(), {22, 3, 3});
    number(records, size);
    records.insert(records.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                   message.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  return records;
}

TEST_P(Watched, APostQuantumShareMayStandBeforeTheVersion) {
  EXPECT_EQ(watched({{}, server_hello(1120)}, GetParam()).version(), "TLSv1.3");
  EXPECT_EQ(watched({{}, server_hello(1120, true)}, GetParam()).version(), "TLSv1.3") << "in several records";
}

TEST_P(Watched, OldVersionsWithoutExtensions) {
  EXPECT_EQ(watched({{}, server_hello(0)}, GetParam()).version(), "TLSv1.2");
  EXPECT_EQ(watched({{}, server_hello(0, false, 0x0301)}, GetParam()).version(), "TLSv1.1 or older");
}

TEST_P(Watched, NothingIsSaidOfWhatIsNoServerHello) {
  auto cut = server_hello(1120);
  cut.resize(cut.size() - 1);
  EXPECT_EQ(watched({{}, cut}, GetParam()).version(), "") << "not whole yet";
  const Bytes alert = {21, 3, 3, 0, 2, 2, 40};
  EXPECT_EQ(watched({{}, alert}, GetParam()).version(), "");
  EXPECT_EQ(watched({{}, Bytes(100'000, 22)}, GetParam()).version(), "");
}

TEST(RecordWatcher, KeepsTheFirstSizesOnly) {
  Bytes many;
  for (unsigned char i = 1; i <= 40; ++i) {
    many.insert(many.end(), {23, 3, 3, 0, i});
    many.insert(many.end(), i, 0);
  }
  const auto watcher = watched({many, {}}, 11);
  ASSERT_EQ(watcher.client_records().size(), 16U);
  EXPECT_EQ(watcher.client_records().front(), 1);
  EXPECT_EQ(watcher.client_records().back(), 16);
}

}  // namespace
}  // namespace pindrill

// Whatever happens to a relay, in whatever order: it closes once and says nothing more, writes only where there is a
// connection, hands on no octet that did not come, and holds no more than it may.

#include "relay.h"

#include <array>
#include <string_view>

#include "pieces.h"

namespace {

using namespace pindrill;

constexpr std::size_t kMost = 16 * 1024 * 1024;  ///< written because of one input
constexpr std::size_t kKept = 256;

struct Fixed {
  Fixed() {
    const auto key = KeyPair::generate(KeyType::p256);
    CertificateSpec spec;
    spec.common_name = "app.pin.test";
    spec.dns = {spec.common_name};
    const Certificate certificate = self_signed(key, spec);
    credential = std::make_shared<const Credential>(Credential{key, {certificate}});
    settings = std::make_shared<const RelaySettings>(
        RelaySettings{std::chrono::seconds(1), std::chrono::seconds(1), kKept,
                      std::make_shared<const ServerContext>(TlsOptions{}), std::make_shared<const ClientContext>("")});
    ClientConnection client(settings->client, "app.pin.test", {"h2"});
    client.receive({});
    hello = client.take_output();
  }

  std::shared_ptr<const Credential> credential;
  std::shared_ptr<const RelaySettings> settings;
  Bytes hello;  ///< a good one: not for the fuzzer to guess
};

/// The world around a relay, as far as the fuzzer leaves it free.
class World {
 public:
  World(const Fixed& fixed, unsigned char choice) : fixed_(fixed), relay_(fixed.settings, arrival(choice)) {
    done(0);
    relay_.start();
    done(0);
  }

  /// One event, chosen by its first octet; what follows belongs to it.
  std::span<const unsigned char> next(std::span<const unsigned char> rest) {
    const auto choice = rest[0];
    rest = rest.subspan(1);
    const auto piece = rest.first(std::min<std::size_t>(rest.size(), choice / 16U * 8U));
    const auto side = (choice & 1U) != 0 ? Side::client : Side::upstream;
    switch (choice % 16U / 2U) {
      case 0:
      case 1:
        if (piece.empty()) return rest;
        came(side, piece);
        return rest.subspan(piece.size());
      case 2:
        came(Side::client, fixed_.hello);
        break;
      case 3:
        if (choice < 64) relay_.ended(side, choice < 32 ? Ended::fin : Ended::reset);
        break;
      case 4:
        relay_.written(side, queued(side), choice < 128 ? 0 : kMost);
        break;
      case 5:
        if (!std::exchange(wanted_, false)) return rest;
        there_ = (choice & 1U) != 0;
        there_ ? relay_.connected("192.0.2.1") : relay_.not_connected("refused");
        break;
      case 6:
        (choice & 1U) != 0 ? relay_.pass("pass") : relay_.stage("stage", fixed_.credential, std::chrono::seconds(1));
        break;
      default:
        if (std::exchange(timer_, false)) relay_.timed_out();
        break;
    }
    done(0);
    return rest;
  }

  void close() {
    relay_.end("the fuzzer has enough");
    done(0);
    fuzz::expect(closed_ && relay_.over());
    const auto contact = relay_.take_facts();
    fuzz::expect(contact.seen.bytes_in == came_ && contact.plaintext.size() <= kKept);
    *fixed_.settings->kept -= contact.plaintext.size();
    fuzz::expect(*fixed_.settings->kept == 0);
  }

 private:
  static Arrival arrival(unsigned char choice) {
    constexpr std::array kWays = {Way::proxy, Way::socks, Way::reverse, Way::direct, Way::transparent};
    const auto way = kWays.at(choice % kWays.size());
    const bool fixed = way == Way::reverse || way == Way::transparent;
    return {1, way, "192.0.2.7", fixed ? "app.pin.test" : "", static_cast<std::uint16_t>(443)};
  }

  void came(Side from, std::span<const unsigned char> bytes) {
    if (from == Side::upstream && !there_) return;
    if (from == Side::client) came_ += bytes.size();
    relay_.came(from, bytes);
    done(bytes.size());
  }

  void done(std::size_t came) {
    for (const auto& action : relay_.take_actions()) {
      fuzz::expect(!closed_);
      std::visit(Match{
                     [&](const act::Write& write) { sent(write.to, write.bytes.size()); },
                     [&](const act::Forward& forward) {
                       fuzz::expect(forward.size <= came);
                       sent(forward.to, forward.size);
                     },
                     [&](const act::Connect& where) {
                       fuzz::expect(!where.host.empty() && where.port != 0 && !std::exchange(connected_, true));
                       wanted_ = true;
                     },
                     [&](const act::StartTimer&) { timer_ = true; },
                     [&](const act::StopTimer&) { timer_ = false; },
                     [&](const act::Ask&) {
                       fuzz::expect(!std::exchange(asked_, true));
                       fuzz::expect(!relay_.question().host.empty());
                     },
                     [&](const act::Close&) { closed_ = true; },
                     [&](const auto& other) { fuzz::expect(other.side == Side::client || there_); },
                 },
                 action);
    }
  }

  void sent(Side to, std::size_t size) {
    fuzz::expect(size > 0 && (to == Side::client || there_));
    queued(to) += size;
    fuzz::expect(queued(to) <= kMost);
  }

  std::uint64_t& queued(Side side) { return queued_.at(side == Side::client ? 0 : 1); }

  const Fixed& fixed_;
  Relay relay_;
  std::array<std::uint64_t, 2> queued_ = {0, 0};
  std::uint64_t came_ = 0;
  bool wanted_ = false;
  bool connected_ = false;
  bool there_ = false;
  bool asked_ = false;
  bool timer_ = false;
  bool closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Fixed fixed;
  if (size == 0 || size > 4096) return 0;
  World world(fixed, data[0]);
  for (std::span<const unsigned char> rest(data + 1, size - 1); !rest.empty();) rest = world.next(rest);
  world.close();
  return 0;
}

#include <utility>

#include "opening.h"
#include "pindrill/net.h"

namespace pindrill {
namespace {

constexpr unsigned char kVersion = 5;
constexpr unsigned char kNoAuthentication = 0;
constexpr unsigned char kConnect = 1;
enum AddressType : unsigned char { ipv4 = 1, name = 3, ipv6 = 4 };
enum Reply : unsigned char {
  succeeded = 0,
  not_allowed = 2,
  host_unreachable = 4,
  command_not_supported = 7,
  type_not_supported = 8,
};

std::string reply(Reply code) { return {kVersion, static_cast<char>(code), 0, ipv4, 0, 0, 0, 0, 0, 0}; }

class SocksOpening final : public Opening {
 public:
  State feed(std::span<const unsigned char> bytes) override {
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    if (!greeted_) {
      const auto state = greeting();
      if (state != State::connect) return state;
    }
    return request();
  }

  std::string answer() override { return std::exchange(answer_, ""); }
  std::string connected() const override { return reply(succeeded); }
  std::string not_connected(const std::string&) const override { return reply(host_unreachable); }
  std::string refused(const std::string&) const override { return reply(not_allowed); }

 private:
  State greeting() {
    if (!waiting_.empty() && waiting_[0] != kVersion) return State::bad;
    if (waiting_.size() < 2 || waiting_.size() < 2U + waiting_[1]) return State::more;
    const std::size_t end = 2U + waiting_[1];
    bool open = false;
    for (std::size_t i = 2; i < end; ++i) open = open || waiting_[i] == kNoAuthentication;
    answer_ += {static_cast<char>(kVersion), static_cast<char>(open ? kNoAuthentication : 0xff)};
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(end));
    greeted_ = true;
    return open ? State::connect : State::bad;
  }

  State request() {
    if (waiting_.size() < 5) return State::more;
    if (waiting_[0] != kVersion) return State::bad;
    if (waiting_[1] != kConnect) return bad(command_not_supported);
    std::size_t at = 4;
    std::size_t size = 0;
    switch (waiting_[3]) {
      case ipv4:
        size = 4;
        break;
      case ipv6:
        size = 16;
        break;
      case name:
        size = waiting_[4];
        at = 5;
        break;
      default:
        return bad(type_not_supported);
    }
    if (waiting_.size() < at + size + 2) return State::more;
    const std::span<const unsigned char> address = std::span(waiting_).subspan(at, size);
    const auto* port = waiting_.data() + at + size;
    host_ =
        waiting_[3] == name ? plain_host({reinterpret_cast<const char*>(address.data()), size}) : address_text(address);
    port_ = static_cast<std::uint16_t>(port[0] << 8 | port[1]);
    if (host_.empty() || port_ == 0) return bad(host_unreachable);
    rest_.assign(waiting_.begin() + static_cast<std::ptrdiff_t>(at + size + 2), waiting_.end());
    return State::connect;
  }

  State bad(Reply code) {
    answer_ += reply(code);
    return State::bad;
  }

  std::vector<unsigned char> waiting_;
  std::string answer_;
  bool greeted_ = false;
};

}  // namespace

std::unique_ptr<Opening> socks_opening() { return std::make_unique<SocksOpening>(); }

}  // namespace pindrill

#include <algorithm>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <deque>
#include <utility>

#include "net_impl.h"
#include "pindrill/error.h"

namespace pindrill {
namespace {

constexpr std::size_t kResolvers = 8;
constexpr std::size_t kMaxHost = 255;

/// "Any" as a destination is this machine (Linux connects to loopback).
asio::ip::address concrete(const asio::ip::address& address) {
  const auto plain = unmapped(address);
  if (!plain.is_unspecified()) return plain;
  return plain.is_v4() ? asio::ip::address(asio::ip::address_v4::loopback())
                       : asio::ip::address(asio::ip::address_v6::loopback());
}

/// One attempt to connect, over all addresses of a name. Keeps itself alive until it has called back.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(Loop& loop, const Route& route, std::uint16_t port, OnConnect done)
      : loop_(loop.impl()),
        private_addresses_(route.private_addresses),
        forbidden_(route.forbidden),
        time_(route.timeout),
        port_(port),
        done_(std::move(done)),
        socket_(loop_.context),
        timer_(loop_.context) {}

  void start(const std::string& name) {
    ends_ = std::chrono::steady_clock::now() + time_;
    if (!names_host(name)) return fail("not a host name");
    ErrorCode error;
    const auto literal = asio::ip::make_address(name, error);
    if (!error) {
      addresses_.push_back(literal);
      return next("");
    }
    within(time_, [](Attempt& self) { self.fail("its name was not resolved in " + self.patience()); });
    resolve(name);
  }

 private:
  void resolve(const std::string& name) {
    if (!loop_.resolvers) loop_.resolvers.emplace(kResolvers);
    asio::post(*loop_.resolvers, [self = shared_from_this(), name, &context = loop_.context,
                                  pool = loop_.resolvers->get_executor()]() mutable {
      ErrorCode error;
      std::deque<asio::ip::address> found;
      for (const auto& entry : tcp::resolver(pool).resolve(name, "", error)) {
        found.push_back(entry.endpoint().address());
      }
      asio::post(context, [self = std::move(self), found = std::move(found), error]() mutable {
        if (!self->done_) return;
        if (error) return self->fail("not resolved: " + error.message());
        self->addresses_ = std::move(found);
        self->next("");
      });
    });
  }

  void next(const std::string& failure) {
    if (addresses_.empty()) return fail(failure.empty() ? "no address" : failure);
    const auto address = concrete(addresses_.front());
    addresses_.pop_front();
    const Endpoint where{address.to_string(), port_};
    if (forbidden_.contains(where)) return next(where.address + " is this interceptor itself: a loop");
    if (!private_addresses_) {
      const auto why = why_not_public(loop_.context, address);
      if (!why.empty()) return next(where.address + " " + why + ", and those were not allowed");
    }
    // One that never answers leaves time for the others.
    const auto left = ends_ - std::chrono::steady_clock::now();
    within(std::chrono::duration_cast<std::chrono::milliseconds>(left / (addresses_.size() + 1)),
           [](Attempt& self) { self.socket_.cancel(); });
    ErrorCode ignored;
    socket_.close(ignored);
    socket_.async_connect({address, port_}, [self = shared_from_this(), where](ErrorCode error) {
      if (!self->done_) return;
      if (error == asio::error::operation_aborted) return self->next(where.address + ": no answer in time");
      if (error) return self->next(where.address + ": " + error.message());
      self->timer_.cancel();
      std::exchange(self->done_, nullptr)(make_stream(self->loop_, std::move(self->socket_)), "");
    });
  }

  void within(std::chrono::milliseconds time, void (*then)(Attempt&)) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), then](ErrorCode error) {
      if (!error && self->done_) then(*self);
    });
  }

  std::string patience() const { return std::to_string(time_.count()) + " ms"; }

  void fail(const std::string& why) {
    if (!done_) return;
    timer_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
    std::exchange(done_, nullptr)(nullptr, why);
  }

  Loop::Impl& loop_;
  bool private_addresses_;
  std::set<Endpoint> forbidden_;
  std::chrono::milliseconds time_;
  std::chrono::steady_clock::time_point ends_;
  std::uint16_t port_;
  OnConnect done_;
  std::deque<asio::ip::address> addresses_;
  tcp::socket socket_;
  asio::steady_timer timer_;
};

}  // namespace

asio::ip::address unmapped(const asio::ip::address& address) {
  return address.is_v6() && address.to_v6().is_v4_mapped()
             ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6())
             : address;
}

std::string address_text(std::span<const unsigned char> octets) {
  if (octets.size() == 4) {
    asio::ip::address_v4::bytes_type v4;
    std::copy(octets.begin(), octets.end(), v4.begin());
    return asio::ip::address_v4(v4).to_string();
  }
  asio::ip::address_v6::bytes_type v6{};
  std::copy_n(octets.begin(), std::min(octets.size(), v6.size()), v6.begin());
  return asio::ip::address_v6(v6).to_string();
}

bool names_host(std::string_view host) noexcept {
  const bool printable = std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  return printable && !host.empty() && host.size() <= kMaxHost && host.front() != '.';
}

void connect(Loop& loop, const Route& route, const std::string& host, std::uint16_t port, OnConnect done) {
  assert(loop.here());
  const auto known = route.hosts.find(host);
  std::make_shared<Attempt>(loop, route, port, std::move(done))
      ->start(known == route.hosts.end() ? host : known->second);
}

struct Networks::Impl {
  std::vector<asio::ip::network_v4> v4;
  std::vector<asio::ip::network_v6> v6;
};

Networks::Networks(const std::vector<std::string>& networks) : impl_(std::make_unique<Impl>()) {
  for (const auto& text : networks) {
    ErrorCode error;
    const bool v6 = text.find(':') != std::string::npos;
    const bool single = text.find('/') == std::string::npos;
    const auto whole = single ? text + (v6 ? "/128" : "/32") : text;
    if (v6) {
      impl_->v6.push_back(asio::ip::make_network_v6(whole, error));
    } else {
      impl_->v4.push_back(asio::ip::make_network_v4(whole, error));
    }
    if (error) throw Error(ErrorKind::input, "neither an address nor a network: '" + text + "'");
  }
}

Networks::~Networks() = default;

bool Networks::contain(const std::string& text) const {
  ErrorCode error;
  const auto address = unmapped(asio::ip::make_address(text, error));
  if (error) return false;
  const auto within = [&](const auto& networks, const auto& host) {
    for (const auto& network : networks) {
      const auto first = network.network();
      using Host = std::decay_t<decltype(host)>;
      if (std::decay_t<decltype(network)>(Host(host.to_bytes()), network.prefix_length()).network() == first) {
        return true;
      }
    }
    return false;
  };
  if (address.is_v4()) return within(impl_->v4, address.to_v4());
  auto bytes = address.to_v6().to_bytes();  // without a scope
  return within(impl_->v6, asio::ip::address_v6(bytes));
}

}  // namespace pindrill

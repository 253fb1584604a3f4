#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <utility>

#include "net_impl.h"
#include "pindrill/error.h"

namespace pindrill {
namespace {

asio::ip::address unmapped(const asio::ip::address& address) {
  return address.is_v6() && address.to_v6().is_v4_mapped()
             ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6())
             : address;
}

Networks not_public() {
  return Networks({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                   "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/128", "::1/128", "fc00::/7",
                   "fe80::/10", "ff00::/8"});
}

/// One attempt to connect, over all addresses of a name. Keeps itself alive until it has called back.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(Loop& loop, const Route& route, std::string host, std::uint16_t port, OnConnect done)
      : loop_(loop.impl()),
        route_(route),
        host_(std::move(host)),
        port_(port),
        done_(std::move(done)),
        resolver_(loop_.context),
        socket_(loop_.context),
        timer_(loop_.context) {}

  void start() {
    timer_.expires_after(route_.timeout);
    timer_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (!error) self->fail("no answer in " + std::to_string(self->route_.timeout.count()) + " ms");
    });
    const auto known = route_.hosts.find(host_);
    const auto& name = known == route_.hosts.end() ? host_ : known->second;
    ErrorCode error;
    const auto literal = asio::ip::make_address(name, error);
    if (!error) {
      addresses_.push_back(literal);
      return next("");
    }
    resolver_.async_resolve(name, "", [self = shared_from_this()](ErrorCode failed, const auto& found) {
      if (!self->done_) return;
      if (failed) return self->fail("not resolved: " + failed.message());
      for (const auto& entry : found) self->addresses_.push_back(entry.endpoint().address());
      self->next("");
    });
  }

 private:
  void next(const std::string& failure) {
    if (addresses_.empty()) return fail(failure.empty() ? "no address" : failure);
    const auto address = unmapped(addresses_.front());
    addresses_.pop_front();
    const Endpoint where{address.to_string(), port_};
    if (route_.forbidden.contains(where)) return next(where.address + " is this interceptor itself: a loop");
    static const Networks kNotPublic = not_public();
    if (!route_.private_addresses && kNotPublic.contain(where.address)) {
      return next(where.address + " is a private address, and those were not allowed");
    }
    ErrorCode ignored;
    socket_.close(ignored);
    socket_.async_connect({address, port_}, [self = shared_from_this(), where](ErrorCode error) {
      if (!self->done_) return;
      if (error) return self->next(where.address + ": " + error.message());
      self->timer_.cancel();
      std::exchange(self->done_, nullptr)(make_stream(self->loop_, std::move(self->socket_)), "");
    });
  }

  void fail(const std::string& why) {
    if (!done_) return;
    timer_.cancel();
    resolver_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
    std::exchange(done_, nullptr)(nullptr, why);
  }

  Loop::Impl& loop_;
  Route route_;
  std::string host_;
  std::uint16_t port_;
  OnConnect done_;
  std::deque<asio::ip::address> addresses_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
};

}  // namespace

void connect(Loop& loop, const Route& route, const std::string& host, std::uint16_t port, OnConnect done) {
  std::make_shared<Attempt>(loop, route, host, port, std::move(done))->start();
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

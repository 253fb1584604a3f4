#include "pindrill/proxy.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <utility>

#include "proxy_connection.h"

namespace pindrill {

/// Everything in it is used on the loop's thread only.
struct Proxy::Impl : std::enable_shared_from_this<Proxy::Impl> {
  struct Waiter {
    std::uint16_t port;
    std::promise<void> settled = {};
  };

  Impl(Loop& loop, const ProxyOptions& options)
      : context(std::make_shared<ProxyContext>(ProxyContext{loop, options})) {}

  void accept(std::shared_ptr<Stream> stream) {
    if (open.size() >= context->options.max_connections) {
      ++turned_away;
      return stream->close();
    }
    const auto number = next_number++;
    const auto connection = std::make_shared<ProxyConnection>(context, std::move(stream), number);
    open.emplace(number, connection);
    connection->start();
  }

  void changed(std::uint64_t number) {
    const auto found = open.find(number);
    if (found == open.end()) return;
    if (found->second->over()) {
      ended.push_back(found->second->facts());
      open.erase(found);
    }
    // Not from here: what waits in the kernel's queue would be accepted in the middle of another connection's event.
    if (!waiters.empty()) context->loop.post([self = shared_from_this()] { self->tell_waiters(); });
  }

  bool busy(std::uint16_t port) const {
    return std::any_of(open.begin(), open.end(), [&](const auto& each) { return each.second->may_lead_to(port); });
  }

  void tell_waiters() {
    drain();
    std::erase_if(waiters, [this](const std::shared_ptr<Waiter>& waiter) {
      if (busy(waiter->port)) return false;
      waiter->settled.set_value();
      return true;
    });
  }

  void end_all() {
    for (const auto& [number, connection] : std::map(open)) connection->end("the proxy was ended");
  }

  std::shared_ptr<ProxyContext> context;
  std::function<void()> drain = [] {};
  std::map<std::uint64_t, std::shared_ptr<ProxyConnection>> open;
  std::vector<ProxyLeg> ended;
  std::vector<std::shared_ptr<Waiter>> waiters;
  std::uint64_t next_number = 1;
  std::atomic<std::size_t> turned_away = 0;  ///< read from other threads
};

Proxy::Proxy(Loop& loop, const std::string& address, std::uint16_t port, const ProxyOptions& options)
    : impl_(std::make_shared<Impl>(loop, options)), loop_(loop) {
  if (options.context && (!options.credential || options.credential->chain.empty())) {
    throw Error(ErrorKind::input, "a proxy that speaks TLS needs a certificate to show");
  }
  impl_->context->changed = [weak = std::weak_ptr(impl_)](std::uint64_t number) {
    if (const auto impl = weak.lock()) impl->changed(number);
  };
  listener_ = std::make_unique<Listener>(
      loop, address, port, [impl = impl_](std::shared_ptr<Stream> stream) { impl->accept(std::move(stream)); });
  loop_.post([impl = impl_, listener = listener_.get()] { impl->drain = [listener] { listener->drain(); }; });
}

Proxy::~Proxy() {
  loop_.run([this] { impl_->drain = [] {}; });
  listener_.reset();
  loop_.run([this] { impl_->end_all(); });
}

std::uint16_t Proxy::port() const noexcept { return listener_->port(); }

void Proxy::lead_to(const Endpoint& server) {
  loop_.run([&] { impl_->context->servers.insert(server); });
}

void Proxy::lead_no_more_to(const Endpoint& server) {
  loop_.run([&] { impl_->context->servers.erase(server); });
}

bool Proxy::settle(std::uint16_t port, std::chrono::nanoseconds timeout) {
  const auto waiter = std::make_shared<Impl::Waiter>(Impl::Waiter{port});
  auto settled = waiter->settled.get_future();
  loop_.post([impl = impl_, waiter] {
    impl->waiters.push_back(waiter);
    impl->tell_waiters();
  });
  const bool in_time = settled.wait_for(timeout) == std::future_status::ready;
  if (!in_time) loop_.post([impl = impl_, waiter] { std::erase(impl->waiters, waiter); });
  return in_time;
}

std::vector<ProxyLeg> Proxy::take() {
  std::vector<ProxyLeg> facts;
  loop_.run([&] {
    facts = std::exchange(impl_->ended, {});
    for (const auto& [number, connection] : impl_->open) facts.push_back(connection->facts());
  });
  return facts;
}

std::size_t Proxy::turned_away() const noexcept { return impl_->turned_away; }

}  // namespace pindrill

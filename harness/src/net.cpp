#include "pindrill/net.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cassert>
#include <future>

#include "net_impl.h"
#include "pindrill/error.h"
#include "pindrill/observation.h"

namespace pindrill {
namespace {

constexpr auto kNoRoomPause = std::chrono::milliseconds(100);

}  // namespace

Nanoseconds monotonic_now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  try {
    // Asio makes its reactor with the first socket: what the machine does not give is said here.
    const tcp::socket first(impl_->context);
  } catch (const boost::system::system_error& error) {
    throw Error(ErrorKind::system, std::string("cannot watch sockets: ") + error.what());
  }
  impl_->thread = std::thread([this] { impl_->context.run(); });
}

Loop::~Loop() {
  impl_->work.reset();
  impl_->context.stop();
  impl_->thread.join();
  impl_->resolvers.reset();  // what they still find is for nobody, but the context has to outlive them
}

void Loop::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }

bool Loop::here() const noexcept { return impl_->here(); }

void Loop::run(const std::function<void()>& work) {
  assert(!here());  // it would wait for itself
  std::promise<void> done;
  post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

struct Timer::Impl {
  explicit Impl(Loop::Impl& owner) : loop(owner), timer(owner.context) {}
  Loop::Impl& loop;
  asio::steady_timer timer;
};

Timer::Timer(Loop& loop) : impl_(std::make_unique<Impl>(loop.impl())) {}
Timer::~Timer() = default;

void Timer::start(std::chrono::milliseconds after, std::function<void()> call) {
  assert(impl_->loop.here());
  impl_->timer.expires_after(after);
  impl_->timer.async_wait([call = std::move(call)](ErrorCode error) {
    if (!error) call();
  });
}

void Timer::stop() {
  assert(impl_->loop.here());
  impl_->timer.cancel();
}

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& owner, OnAccept callback)
      : loop(owner), acceptor(owner.impl().context), pause(owner.impl().context), on_accept(std::move(callback)) {}

  void wait() {
    acceptor.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](ErrorCode error) {
      if (error) return;
      if (self->drain()) return self->wait();
      // No room for another socket: the queue stays readable, and to ask again at once would be all we do.
      self->pause.expires_after(kNoRoomPause);
      self->pause.async_wait([self](ErrorCode cancelled) {
        if (!cancelled && self->acceptor.is_open()) self->wait();
      });
    });
  }

  /// True when the queue is empty.
  bool drain() {
    assert(loop.here());
    while (acceptor.is_open()) {
      ErrorCode error;
      auto socket = acceptor.accept(error);
      if (error == asio::error::connection_aborted) continue;
      if (error) return error == asio::error::would_block;
      on_accept(make_stream(loop.impl(), std::move(socket)));
    }
    return true;
  }

  Loop& loop;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  OnAccept on_accept;
  std::uint16_t port = 0;
};

Listener::Listener(Loop& loop, const std::string& address, std::uint16_t port, OnAccept on_accept)
    : impl_(std::make_shared<Impl>(loop, std::move(on_accept))) {
  const auto where = address + ":" + std::to_string(port);
  ErrorCode error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) throw Error(ErrorKind::input, "not an IP address to listen on: '" + address + "'");
  auto& acceptor = impl_->acceptor;
  acceptor.open(ip.is_v6() ? tcp::v6() : tcp::v4(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({ip, port}, error);
  if (!error) acceptor.listen(1024, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) throw Error(ErrorKind::system, "cannot listen on " + where + ": " + error.message());
  impl_->port = acceptor.local_endpoint().port();
  loop.post([impl = impl_] { impl->wait(); });
}

Listener::~Listener() {
  impl_->loop.post([impl = impl_] {
    ErrorCode ignored;
    impl->acceptor.close(ignored);
    impl->pause.cancel();
    impl->on_accept = [](const std::shared_ptr<Stream>&) {};
  });
}

std::uint16_t Listener::port() const noexcept { return impl_->port; }

void Listener::drain() { impl_->drain(); }

}  // namespace pindrill

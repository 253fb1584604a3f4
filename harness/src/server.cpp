#include "pindrill/server.h"

#include <atomic>
#include <cassert>
#include <future>
#include <optional>
#include <utility>

#include "witness.h"

namespace pindrill {
namespace {

constexpr std::size_t kMaxConnections = 100'000;  ///< a client in a reconnect loop must not fill the memory

/// One accepted connection: its socket, its TLS engine, and what it said.
class Session final : public StreamHandler, public std::enable_shared_from_this<Session> {
 public:
  using OnEnd = std::function<void()>;

  Session(std::shared_ptr<Stream> stream, std::shared_ptr<const ServerContext> context, Shown shown,
          std::uint64_t number, OnEnd on_end)
      : stream_(std::move(stream)), context_(std::move(context)), shown_(std::move(shown)), on_end_(std::move(on_end)) {
    facts_.number = number;
    facts_.credential = shown_.label;
  }

  void start() { stream_->start(shared_from_this()); }
  const Observation& facts() const noexcept { return facts_; }

  void abandon() {
    if (stream_) std::exchange(stream_, nullptr)->close();
    tls_.reset();
  }

  void on_data(std::span<const unsigned char> bytes) override {
    witness_.came(bytes);
    if (begun_) return take(bytes);
    const auto begins = witness_.begins(bytes);
    if (begins == Begins::unclear) return;
    begun_ = true;
    if (begins == Begins::tls) open_tls();
    plain_ = begins == Begins::plain;
    take(witness_.take_first());
  }

  void on_written(std::uint64_t total) override {
    if (tls_) tls_->written(total);
    witness_.written(total);
  }

  void on_end(StreamEnd end) override {
    witness_.ended(end == StreamEnd::fin ? Ended::fin : Ended::reset);
    abandon();
    on_end_();
  }

 private:
  void open_tls() {
    try {
      tls_ = std::make_unique<Connection>(context_, facts_);
      if (!shown_.takes_tickets) tls_->decline_tickets();
      tls_->show(shown_.credential);
    } catch (const Error& error) {
      tls_.reset();
      facts_.failure = error.what();  // nothing may be thrown across the loop
      stream_->finish();
    }
  }

  void take(std::span<const unsigned char> bytes) {
    if (plain_) {
      witness_.heard_plain(bytes);
    } else if (tls_) {
      witness_.decrypt(*tls_, bytes);
    } else {
      witness_.passes(bytes);
    }
    if (witness_.complete() && !answered_) answer();
    flush();
  }

  void answer() {
    answered_ = true;
    const auto* text = reinterpret_cast<const unsigned char*>(shown_.response.data());
    const std::span<const unsigned char> response(text, shown_.response.size());
    if (plain_) {
      write(response);
      witness_.answers_at(queued_);
    } else {
      tls_->send(response);
      write(tls_->take_output());
      witness_.answers_at(queued_);
      tls_->close();
      write(tls_->take_output());
    }
    stream_->finish();
  }

  void write(std::span<const unsigned char> bytes) {
    queued_ += bytes.size();
    stream_->write(bytes);
  }

  void flush() {
    if (!tls_ || !stream_) return;
    write(tls_->take_output());
    if (facts_.close_notify && !answered_ && !tls_->over()) {
      answered_ = true;  // some clients wait for ours before they close the socket
      tls_->close();
      write(tls_->take_output());
    }
    if (tls_->over() || answered_) stream_->finish();
  }

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<const ServerContext> context_;
  Shown shown_;
  OnEnd on_end_;
  Observation facts_;
  Witness witness_{facts_};
  bool begun_ = false;
  bool plain_ = false;
  std::unique_ptr<Connection> tls_;
  std::uint64_t queued_ = 0;  ///< octets for the client, so far
  bool answered_ = false;
};

}  // namespace

/// Everything in it is used on the loop's thread only.
struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(Loop& owner, std::shared_ptr<const ServerContext> tls, Shown first)
      : loop(owner), context(std::move(tls)), shown(std::move(first)) {}

  void accept(std::shared_ptr<Stream> stream) {
    assert(loop.here());
    if (sessions.size() >= kMaxConnections) return stream->close();
    ++open;
    auto session =
        std::make_shared<Session>(std::move(stream), context, shown, sessions.size() + 1, [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->one_ended();
        });
    sessions.push_back(session);
    ++accepted;
    session->start();
  }

  void one_ended() {
    // Not from here: each connection of a queue of dead ones would end inside the end of the one before.
    if (--open == 0 && !waiters.empty()) loop.post([self = shared_from_this()] { self->all_ended(); });
  }

  void all_ended() {
    assert(loop.here());
    drain();  // what waits in the kernel's queue is not over either
    if (open > 0) return;
    for (auto& waiter : std::exchange(waiters, {})) waiter->set_value();
  }

  Loop& loop;
  std::shared_ptr<const ServerContext> context;
  Shown shown;
  std::function<void()> drain = [] {};
  std::vector<std::shared_ptr<Session>> sessions;
  std::size_t open = 0;
  std::atomic<std::size_t> accepted = 0;  ///< read from other threads
  std::vector<std::shared_ptr<std::promise<void>>> waiters;
};

Server::Server(Loop& loop, const std::string& address, std::uint16_t port, std::shared_ptr<const ServerContext> context,
               Shown shown)
    : impl_(std::make_shared<Impl>(loop, std::move(context), std::move(shown))), loop_(loop) {
  listener_ = std::make_unique<Listener>(
      loop, address, port, [impl = impl_](std::shared_ptr<Stream> stream) { impl->accept(std::move(stream)); });
  loop_.post([impl = impl_, listener = listener_.get()] { impl->drain = [listener] { listener->drain(); }; });
}

Server::~Server() {
  loop_.run([this] { impl_->drain = [] {}; });
  listener_.reset();
  loop_.run([this] {
    for (auto& session : impl_->sessions) session->abandon();
  });
}

std::uint16_t Server::port() const noexcept { return listener_->port(); }

void Server::serve(Shown shown) {
  loop_.run([&] {
    listener_->drain();
    impl_->shown = std::move(shown);
  });
}

bool Server::settle(std::chrono::nanoseconds timeout) {
  const auto waiter = std::make_shared<std::promise<void>>();
  auto settled = waiter->get_future();
  loop_.post([this, impl = impl_, waiter] {
    listener_->drain();
    if (impl->open == 0) {
      waiter->set_value();
    } else {
      impl->waiters.push_back(waiter);
    }
  });
  return settled.wait_for(timeout) == std::future_status::ready;
}

std::size_t Server::connections() const noexcept { return impl_->accepted; }

std::vector<Observation> Server::observations() const {
  std::vector<Observation> facts;
  loop_.run([&] {
    facts.reserve(impl_->sessions.size());
    for (const auto& session : impl_->sessions) facts.push_back(session->facts());
  });
  return facts;
}

}  // namespace pindrill

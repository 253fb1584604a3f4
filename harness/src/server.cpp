#include "pindrill/server.h"

#include <atomic>
#include <future>
#include <optional>
#include <utility>

#include "client_hello.h"
#include "pindrill/http.h"

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
    facts_.accepted_at = monotonic_now();
  }

  void start() { stream_->start(shared_from_this()); }
  const Observation& facts() const noexcept { return facts_; }

  void abandon() {
    if (stream_) std::exchange(stream_, nullptr)->close();
    tls_.reset();
  }

  void on_data(std::span<const unsigned char> bytes) override {
    facts_.bytes_in += bytes.size();
    if (begun_) return take(bytes);
    first_.insert(first_.end(), bytes.begin(), bytes.end());
    if (const auto begins = pindrill::begins(first_); begins != Begins::unclear) begin(begins);
  }

  void on_written(std::uint64_t total) override {
    facts_.bytes_out = total;
    if (tls_) tls_->written(total);
    if (response_end_ != 0 && total >= response_end_ && facts_.response_sent_at == 0) {
      facts_.response_sent_at = monotonic_now();
    }
  }

  void on_end(StreamEnd end) override {
    if (!begun_ && !first_.empty()) begin(Begins::plain);
    facts_.ended = end == StreamEnd::fin ? Ended::fin : Ended::reset;
    facts_.ended_at = monotonic_now();
    abandon();
    on_end_();
  }

 private:
  void begin(Begins what) {
    begun_ = true;
    facts_.plaintext = what == Begins::plain;
    if (!facts_.plaintext) open_tls();
    take(std::exchange(first_, {}));
  }

  void open_tls() {
    try {
      tls_ = std::make_unique<Connection>(context_, facts_);
      tls_->show(shown_.credential);
    } catch (const Error& error) {
      tls_.reset();
      facts_.failure = error.what();  // nothing may be thrown across the loop
      stream_->finish();
    }
  }

  void take(std::span<const unsigned char> bytes) {
    if (facts_.plaintext) return heard(bytes);
    raw_scanner_.feed(bytes);
    if (facts_.plain_secrets.size() != raw_scanner_.found().size()) facts_.plain_secrets = raw_scanner_.found();
    if (tls_) {
      tls_->receive(bytes);
      heard(tls_->take_data());
      flush();
    }
  }

  void heard(std::span<const unsigned char> data) {
    if (data.empty()) return;
    if (facts_.first_data_at == 0) facts_.first_data_at = monotonic_now();
    reader_.feed(data);
    scanner_.feed(data);
    facts_.progress = reader_.progress();
    facts_.boilerplate_bytes = reader_.boilerplate_bytes();
    facts_.data_bytes = reader_.data_bytes();
    facts_.request_line = reader_.request_line();
    facts_.secrets = scanner_.found();
    if (reader_.complete() && !answered_) answer();
  }

  void answer() {
    answered_ = true;
    const auto* text = reinterpret_cast<const unsigned char*>(shown_.response.data());
    const std::span<const unsigned char> response(text, shown_.response.size());
    if (facts_.plaintext) {
      queued_ += response.size();
      response_end_ = queued_;
      stream_->write(response);
    } else {
      tls_->send(response);
      write_output();
      response_end_ = queued_;
      tls_->close();
      write_output();
    }
    stream_->finish();
    // What was written at once was reported before the end of the response was known.
    on_written(facts_.bytes_out);
  }

  void write_output() {
    const auto bytes = tls_->take_output();
    queued_ += bytes.size();
    stream_->write(bytes);
  }

  void flush() {
    if (!tls_ || !stream_) return;
    write_output();
    if (facts_.close_notify && !answered_ && !tls_->over()) {
      answered_ = true;  // some clients wait for ours before they close the socket
      tls_->close();
      write_output();
    }
    if (tls_->over() || answered_) stream_->finish();
  }

  std::shared_ptr<Stream> stream_;
  std::shared_ptr<const ServerContext> context_;
  Shown shown_;
  OnEnd on_end_;
  Observation facts_;
  Bytes first_;  ///< until it is clear what they begin
  bool begun_ = false;
  std::unique_ptr<Connection> tls_;
  RequestReader reader_;
  SecretScanner scanner_;
  SecretScanner raw_scanner_;  ///< a client may go on in plain text on the socket of its TLS
  std::uint64_t queued_ = 0;
  std::uint64_t response_end_ = 0;
  bool answered_ = false;
};

}  // namespace

/// Everything in it is used on the loop's thread only.
struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(Loop& owner, std::shared_ptr<const ServerContext> tls, Shown first)
      : loop(owner), context(std::move(tls)), shown(std::move(first)) {}

  void accept(std::shared_ptr<Stream> stream) {
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

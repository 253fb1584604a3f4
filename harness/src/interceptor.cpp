#include "pindrill/interceptor.h"

#include <atomic>
#include <cassert>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "passage.h"

namespace pindrill {
namespace {

constexpr std::size_t kMaxEvents = 100'000;  ///< nobody takes them: no more connections

TlsOptions server_options(const InterceptorOptions& options) {
  TlsOptions tls;
  tls.alpn = {};  // what the upstream agreed to is given per connection
  tls.key_log_file = options.key_log_file;
  return tls;
}

/// Shakes hands with a server to see its chain, and no more.
class Fetch final : public StreamHandler, public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(std::shared_ptr<const ClientContext> context, const std::string& host)
      : tls_(std::move(context), host, {"h2", "http/1.1"}) {}

  std::future<std::vector<Certificate>> chain() { return chain_.get_future(); }

  void connected(std::shared_ptr<Stream> stream, const std::string& failure) {
    if (!stream) return done(failure);
    if (done_) return stream->close();
    stream_ = std::move(stream);
    stream_->start(shared_from_this());
    on_data({});
  }

  void on_data(std::span<const unsigned char> bytes) override {
    tls_.receive(bytes);
    if (stream_) stream_->write(tls_.take_output());
    if (tls_.over()) return done(tls_.failure());
    if (tls_.established()) done("");
  }

  void on_written(std::uint64_t) override {}
  void on_end(StreamEnd) override { done("it closed the connection"); }
  void give_up() { done("no TLS handshake in time"); }

 private:
  void done(const std::string& failure) {
    if (std::exchange(done_, true)) return;
    if (stream_) stream_->close();
    try {
      if (!failure.empty()) throw Error(ErrorKind::system, failure);
      chain_.set_value(tls_.chain());
    } catch (...) {
      chain_.set_exception(std::current_exception());
    }
  }

  ClientConnection tls_;
  std::shared_ptr<Stream> stream_;
  std::promise<std::vector<Certificate>> chain_;
  bool done_ = false;
};

}  // namespace

struct Interceptor::Impl : std::enable_shared_from_this<Interceptor::Impl> {
  Impl(Loop& loop_, const InterceptorOptions& options_) : loop(loop_), options(options_), served(options_.clients) {
    const auto settings = std::make_shared<const RelaySettings>(
        RelaySettings{options.patience, options.route.timeout, options.kept_plaintext,
                      std::make_shared<ServerContext>(server_options(options)),
                      std::make_shared<ClientContext>(options.upstream_trust)});
    context = std::make_shared<PassageContext>(PassageContext{loop, options.route, settings});
  }

  void accept(const Entrance& entrance, std::shared_ptr<Stream> stream) {
    assert(loop.here());
    if (!served.contain(stream->peer().address)) {
      ++denied;
      return stream->close();
    }
    if (const auto outer = context->made.find({stream->peer(), stream->original_destination()});
        outer != context->made.end()) {
      const auto passage = outer->second.lock();
      if (passage) passage->end_loop();
      return stream->close();
    }
    if (passages.size() >= options.max_connections || backlog() >= kMaxEvents) {
      ++turned_away;
      return stream->close();
    }
    const auto id = next_id++;
    const auto passage = std::make_shared<Passage>(context, std::move(stream), entrance, id);
    passages.emplace(id, passage);
    passage->start();
  }

  void tell(Event event) {
    {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
    }
    told.notify_one();
  }

  std::size_t backlog() {
    const std::lock_guard lock(mutex);
    return events.size();
  }

  void ended(std::uint64_t id) {
    const auto found = passages.find(id);
    if (found == passages.end()) return;
    if (!found->second->discarded()) tell(found->second->take_facts());
    passages.erase(found);
  }

  void end_all() {
    assert(loop.here());
    for (const auto& [id, passage] : std::unordered_map(passages)) passage->end("the interceptor was ended");
  }

  template <typename Work>
  void with(std::uint64_t id, Work work) {
    loop.post([self = shared_from_this(), id, work = std::move(work)] {
      const auto found = self->passages.find(id);
      if (found == self->passages.end()) return;
      const auto passage = found->second;
      work(*passage);
    });
  }

  Loop& loop;
  InterceptorOptions options;
  Networks served;
  std::shared_ptr<PassageContext> context;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::unordered_map<std::uint64_t, std::shared_ptr<Passage>> passages;
  std::uint64_t next_id = 1;
  std::atomic<std::size_t> denied = 0;
  std::atomic<std::size_t> turned_away = 0;

  std::mutex mutex;
  std::condition_variable told;
  std::deque<Event> events;
};

Interceptor::Interceptor(Loop& loop, const InterceptorOptions& options) : impl_(std::make_shared<Impl>(loop, options)) {
  const std::weak_ptr<Impl> weak = impl_;
  impl_->context->ask = [weak](Question question) {
    if (const auto impl = weak.lock()) impl->tell(std::move(question));
  };
  impl_->context->ended = [weak](std::uint64_t id) {
    if (const auto impl = weak.lock()) impl->ended(id);
  };
}

Interceptor::~Interceptor() {
  impl_->loop.run([this] {
    impl_->listeners.clear();
    impl_->end_all();
  });
}

std::uint16_t Interceptor::listen(Way way, const std::string& address, std::uint16_t port,
                                  const std::optional<std::pair<std::string, std::uint16_t>>& upstream) {
  if ((way == Way::reverse) != upstream.has_value()) {
    throw Error(ErrorKind::input, "a reverse listener, and no other, has a fixed upstream");
  }
  const Entrance entrance{way, upstream};
  auto listener = std::make_unique<Listener>(impl_->loop, address, port,
                                             [weak = std::weak_ptr(impl_), entrance](std::shared_ptr<Stream> stream) {
                                               if (const auto impl = weak.lock()) {
                                                 impl->accept(entrance, std::move(stream));
                                               } else {
                                                 stream->close();
                                               }
                                             });
  const auto taken = listener->port();
  impl_->loop.run([&] {
    impl_->context->route.forbidden.insert({address, taken});
    impl_->listeners.push_back(std::move(listener));
  });
  return taken;
}

std::optional<Interceptor::Event> Interceptor::next(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  if (!impl_->told.wait_for(lock, timeout, [this] { return !impl_->events.empty(); })) return std::nullopt;
  std::optional<Event> event(std::move(impl_->events.front()));
  impl_->events.pop_front();
  if (const auto* contact = std::get_if<Contact>(&*event)) *impl_->context->settings->kept -= contact->plaintext.size();
  return event;
}

void Interceptor::pass(std::uint64_t id, const std::string& label) {
  impl_->with(id, [label](Passage& passage) { passage.pass(label); });
}

void Interceptor::stage(std::uint64_t id, const std::string& label, std::shared_ptr<const Credential> credential,
                        std::chrono::milliseconds hold) {
  if (!credential || credential->chain.empty()) throw Error(ErrorKind::input, "there is no certificate to show");
  impl_->with(id, [label, credential = std::move(credential), hold](Passage& passage) {
    passage.stage(label, credential, hold);
  });
}

std::vector<Contact> Interceptor::open() const {
  std::vector<Contact> facts;
  impl_->loop.run([&] {
    for (const auto& [id, passage] : impl_->passages) facts.push_back(passage->facts());
  });
  return facts;
}

void Interceptor::end_all() {
  impl_->loop.run([this] { impl_->end_all(); });
}

std::size_t Interceptor::denied() const noexcept { return impl_->denied; }

std::size_t Interceptor::turned_away() const noexcept { return impl_->turned_away; }

std::vector<Certificate> Interceptor::fetch_chain(const std::string& host, std::uint16_t port) {
  const auto fetch = std::make_shared<Fetch>(impl_->context->settings->client, host);
  auto chain = fetch->chain();
  impl_->loop.post([impl = impl_, fetch, host, port] {
    connect(impl->loop, impl->context->route, host, port,
            [fetch](std::shared_ptr<Stream> stream, const std::string& failure) {
              fetch->connected(std::move(stream), failure);
            });
  });
  if (chain.wait_for(2 * impl_->options.route.timeout) != std::future_status::ready) {
    impl_->loop.post([fetch] { fetch->give_up(); });
  }
  try {
    return chain.get();
  } catch (const Error& error) {
    throw Error(ErrorKind::system, "no chain from " + host + ":" + std::to_string(port) + ": " + error.what());
  }
}

}  // namespace pindrill

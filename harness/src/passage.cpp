#include "passage.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "client_hello.h"

namespace pindrill {
namespace {

constexpr std::size_t kMaxHello = 128 * 1024;
constexpr const char* kLoop = "it is this interceptor itself: a loop";

}  // namespace

Passage::Passage(std::shared_ptr<PassageContext> context, std::shared_ptr<Stream> client, const Entrance& entrance,
                 std::uint64_t id)
    : context_(std::move(context)), client_(std::move(client)), entrance_(entrance) {
  facts_.id = id;
  facts_.way = entrance.way;
  came_ = {client_->peer(), client_->original_destination()};
  facts_.client = came_.from.address;
  facts_.seen.number = id;
  facts_.seen.accepted_at = monotonic_now();
}

void Passage::start() {
  context_->came.emplace(came_, weak_from_this());
  client_->probe();
  after(context_->options.patience, [](Passage& self) { self.end("nothing whole came in time"); });
  switch (entrance_.way) {
    case Way::proxy:
      opening_ = http_proxy_opening();
      break;
    case Way::socks:
      opening_ = socks_opening();
      break;
    case Way::reverse:
      connect_host_ = plain_host(entrance_.upstream->first);
      facts_.port = entrance_.upstream->second;
      break;
    case Way::transparent: {
      connect_host_ = came_.to.address;
      facts_.port = came_.to.port;
      break;
    }
    case Way::direct:
      facts_.port = client_->local().port;
      break;
  }
  facts_.host = connect_host_;
  if (!opening_) phase_ = Phase::peeking;
  listen_to(true);
  // The server may be the first to speak.
  if (phase_ == Phase::peeking && !connect_host_.empty()) connect_then([] {});
}

// --- before anything is decided --------------------------------------------------------------------------------

void Passage::from_client(std::span<const unsigned char> bytes) {
  facts_.seen.bytes_in += bytes.size();
  switch (phase_) {
    case Phase::opening:
      return open(bytes);
    case Phase::peeking:
      return peek(bytes);
    case Phase::plain:
      facts_.seen.plaintext = facts_.plaintext_forwarded = true;
      heard(bytes);
      return forward_plain(bytes);
    case Phase::passing:
      watcher_->from_client(bytes);
      return to_upstream(bytes);
    case Phase::relaying:
      return relay_up(bytes);
    case Phase::asked:
    case Phase::connecting:
      held_.insert(held_.end(), bytes.begin(), bytes.end());  // at most what one read brought: it is paused
      return;
    case Phase::over:
      // Nobody answers any more, but what a client gives away it gives away.
      if (!tls_) return;
      look_for_plain_secrets(bytes);
      if (!tls_->reads()) tls_->receive(bytes);
      return;
  }
}

void Passage::open(std::span<const unsigned char> bytes) {
  const auto state = opening_->feed(bytes);
  to_client(opening_->answer());
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) return turn_away("what the client said to the proxy was not understood");
  connect_host_ = facts_.host = opening_->host();
  facts_.port = opening_->port();
  one_request_ = state == Opening::State::forward;
  upgrades_ = opening_->upgrades();
  phase_ = Phase::connecting;
  client_->pause();
  connect_then([this] {
    const auto opening = std::exchange(opening_, nullptr);
    const auto* rest = reinterpret_cast<const unsigned char*>(opening->rest().data());
    const Bytes first(rest, rest + opening->rest().size());
    to_client(opening->connected());
    phase_ = Phase::peeking;
    client_->resume();
    if (!first.empty()) peek(first);
  });
}

void Passage::peek(std::span<const unsigned char> bytes) {
  const bool begun = tls_ || opening_;
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  const auto begins = pindrill::begins(held_);
  if (begins == Begins::unclear) return;
  if (!begun) bytes = held_;
  if (begins == Begins::tls) return peek_tls(bytes);
  return entrance_.way == Way::direct ? peek_host_field(bytes) : speak_plain();
}

void Passage::peek_host_field(std::span<const unsigned char> bytes) {
  if (!opening_) opening_ = host_field_opening(facts_.port);
  const auto state = opening_->feed(bytes);
  if (state == Opening::State::more) return;
  const auto opening = std::exchange(opening_, nullptr);
  if (state == Opening::State::bad) {
    to_client(opening->answer());
    return turn_away("neither TLS nor a request that says where it goes");
  }
  connect_host_ = facts_.host = opening->host();
  speak_plain();
}

void Passage::peek_tls(std::span<const unsigned char> bytes) {
  look_for_plain_secrets(bytes);
  try {
    if (!tls_) tls_ = std::make_unique<Connection>(context_->server, facts_.seen);
    tls_->receive(bytes);
  } catch (const Error& error) {
    return end(error.what());  // nothing may be thrown across the loop
  }
  if (tls_->over()) {
    to_client(tls_->take_output());
    return turn_away("no ClientHello: " + facts_.seen.failure);
  }
  if (facts_.seen.hello) return ask();
  if (held_.size() > kMaxHello) end("a ClientHello that never ends");
}

void Passage::ask() {
  const auto& sni = facts_.seen.hello->sni;
  if (!sni.empty()) facts_.host = plain_host(sni);
  if (connect_host_.empty()) connect_host_ = facts_.host;
  if (connect_host_.empty()) return end("no server name in the ClientHello: nobody knows where it wants to go");
  if (!names_host(facts_.host)) return end("the server name in the ClientHello is none that a host can have");
  phase_ = Phase::asked;
  client_->pause();
  if (upstream_) upstream_->pause();
  after(context_->options.patience, [](Passage& self) { self.end("nothing was decided in time"); });
  context_->ask({facts_.id, facts_.way, facts_.client, facts_.host, facts_.port, *facts_.seen.hello});
}

void Passage::speak_plain() {
  timer_.reset();
  facts_.seen.plaintext = true;
  phase_ = Phase::connecting;
  client_->pause();
  heard(held_);
  connect_then([this] {
    facts_.plaintext_forwarded = true;
    phase_ = Phase::plain;
    forward_plain(std::exchange(held_, {}));
    client_->resume();
  });
}

/// Of plain requests to a proxy only the first goes on: it was the one that named this server.
void Passage::forward_plain(std::span<const unsigned char> bytes) {
  if (!one_request_) return to_upstream(bytes);
  if (reader_->progress() == Progress::other) return end("a plain request of which nobody knows where it ends");
  to_upstream(bytes.first(bytes.size() - beyond_));
  if (beyond_ > 0) second_request();
}

/// It was heard and is not forwarded, whomever it is for. The answer to the first one may still come.
void Passage::second_request() {
  constexpr const char* why = "a second plain request on a connection to the proxy was not forwarded";
  if (facts_.upstream_bytes > 0) return turn_away(why);
  facts_.failure = why;
  after(context_->options.patience, [](Passage& self) { self.end(why); });
}

/// "101 Switching Protocols": what the client says from now on is no request.
void Passage::hear_plain_answer(std::span<const unsigned char> bytes) {
  if (!upgrades_) return;
  constexpr std::string_view kSwitching = "HTTP/1.1 101";
  answer_start_.append(bytes.begin(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), kSwitching.size())));
  if (answer_start_.size() < kSwitching.size()) return;
  upgrades_ = false;
  if (answer_start_.starts_with(kSwitching)) one_request_ = false;
}

// --- the upstream's connection ---------------------------------------------------------------------------------

/// Runs `next` when there is a connection; without one the client is told, and this passage ends.
void Passage::connect_then(std::function<void()> next) {
  if (upstream_) {
    upstream_->resume();
    return next();
  }
  const bool begun = once_connected_ != nullptr;
  once_connected_ = std::move(next);
  if (failed_upstream_) return not_made(facts_.upstream_failure);
  if (begun) return;
  connect(context_->loop, context_->options.route, connect_host_, facts_.port,
          [self = shared_from_this()](std::shared_ptr<Stream> stream, const std::string& failure) {
            if (self->client_) return stream ? self->made(std::move(stream)) : self->not_made(failure);
            if (stream) stream->close();
          });
}

void Passage::made(std::shared_ptr<Stream> stream) {
  made_ = {stream->local(), stream->peer()};
  if (const auto inner = context_->came.find(made_); inner != context_->came.end()) {
    if (const auto passage = inner->second.lock()) passage->discard();
    stream->close();
    return not_made(kLoop);
  }
  context_->made.emplace(made_, weak_from_this());
  upstream_ = std::move(stream);
  upstream_->probe();
  facts_.upstream_address = made_.to.address;
  if (phase_ == Phase::asked) upstream_->pause();
  std::exchange(once_connected_, nullptr)();
  if (upstream_) listen_to(false);  // only now it is known what its first bytes are
}

void Passage::not_made(const std::string& failure) {
  facts_.upstream_failure = failure;
  failed_upstream_ = true;
  // A connection that was made in advance: the ClientHello tells more than its failure.
  if (phase_ == Phase::peeking || phase_ == Phase::asked) return;
  facts_.failure = "no connection to the upstream";
  if (opening_) to_client(opening_->not_connected(failure));
  refuse_client(failure);
}

void Passage::end_loop() {
  facts_.upstream_failure = kLoop;
  end("no connection to the upstream");
}

void Passage::discard() {
  discarded_ = true;
  over();
}

void Passage::pass(const std::string& label) {
  if (phase_ != Phase::asked) return;
  timer_.reset();
  facts_.condition = label;
  tls_.reset();
  phase_ = Phase::connecting;
  connect_then([this] { begin_passing(); });
}

void Passage::stage(const std::string& label, std::shared_ptr<const Credential> credential,
                    std::chrono::milliseconds hold) {
  if (phase_ != Phase::asked) return;
  hold_ = hold;
  timer_.reset();
  facts_.condition = facts_.seen.credential = label;
  credential_ = std::move(credential);
  held_ = {};  // the engine has it
  before_tls_ = to_client_;
  phase_ = Phase::connecting;
  connect_then([this] { begin_upstream_tls(); });
}

void Passage::begin_passing() {
  phase_ = Phase::passing;
  watcher_ = std::make_unique<RecordWatcher>();
  watcher_->from_client(held_);
  to_upstream(std::exchange(held_, {}));
  client_->resume();
}

void Passage::begin_upstream_tls() {
  phase_ = Phase::relaying;
  after(context_->options.route.timeout, [](Passage& self) { self.refuse_client("no TLS handshake in time"); });
  try {
    up_ = std::make_unique<ClientConnection>(context_->client, facts_.host, facts_.seen.hello->alpn);
    up_->receive({});
  } catch (const Error& error) {
    return refuse_client(error.what());
  }
  flush();
}

/// The genuine server is there and speaks `up_->alpn()`: now the client meets its credential.
void Passage::show() {
  timer_.reset();
  try {
    tls_->show(std::exchange(credential_, nullptr), up_->alpn());
  } catch (const Error& error) {
    facts_.failure = error.what();
    return refuse_client("");
  }
  flush();
  client_->resume();
}

/// An error for the client, before it was shown any certificate.
void Passage::refuse_client(const std::string& failure) {
  if (!failure.empty()) facts_.upstream_failure = failure;
  if (tls_ && !facts_.seen.flight_made_at) {
    tls_->refuse();
    to_client(tls_->take_output());
  }
  wait_for_the_end();
}

}  // namespace pindrill

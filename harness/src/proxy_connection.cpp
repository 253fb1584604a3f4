#include "proxy_connection.h"

#include <utility>

#include "client_hello.h"

namespace pindrill {
namespace {

constexpr std::size_t kHighWater = 256 * 1024;
constexpr std::size_t kLowWater = 64 * 1024;
constexpr auto kConnectTime = std::chrono::seconds(10);

std::span<const unsigned char> octets(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// Scans, and copies what was found only when there is more.
void scan(SecretScanner& scanner, std::span<const unsigned char> data, std::vector<std::string>& found) {
  scanner.feed(data);
  if (found.size() != scanner.found().size()) found = scanner.found();
}

}  // namespace

class ProxyConnection::Side final : public StreamHandler {
 public:
  Side(std::shared_ptr<ProxyConnection> connection, bool client)
      : connection_(std::move(connection)), client_(client) {}

  void on_data(std::span<const unsigned char> bytes) override {
    client_ ? connection_->take(bytes) : connection_->down(bytes);
  }

  void on_written(std::uint64_t total) override {
    auto& self = *connection_;
    if (client_) {
      self.facts_.seen.bytes_out = total;
      if (self.tls_) self.tls_->written(total);
    }
    const auto& written = client_ ? self.client_ : self.server_;
    const auto& read = client_ ? self.server_ : self.client_;
    if (self.phase_ == Phase::tunnel && written && read && written->waiting() <= kLowWater) read->resume();
    self.over_when_written();
  }

  void on_end(StreamEnd how) override { client_ ? connection_->client_ended(how) : connection_->server_ended(how); }

 private:
  std::shared_ptr<ProxyConnection> connection_;  // until the stream lets go of us
  bool client_;
};

ProxyConnection::ProxyConnection(std::shared_ptr<ProxyContext> context, std::shared_ptr<Stream> client,
                                 std::uint64_t number)
    : context_(std::move(context)), client_(std::move(client)) {
  facts_.seen.number = number;
  facts_.seen.accepted_at = monotonic_now();
  opening_ = context_->options.language == ProxyLanguage::http ? http_proxy_opening() : socks_opening();
}

void ProxyConnection::start() {
  client_->probe();
  be_patient("it asked for nothing in time");
  client_->start(std::make_shared<Side>(shared_from_this(), true));
}

/// For so long, and then it ends.
void ProxyConnection::be_patient(const std::string& failure) {
  timer_ = std::make_unique<Timer>(context_->loop);
  timer_->start(context_->options.patience, [weak = weak_from_this(), failure] {
    if (const auto self = weak.lock()) self->end(failure);
  });
}

bool ProxyConnection::may_lead_to(std::uint16_t port) const noexcept {
  return facts_.port == port || (facts_.port == 0 && phase_ == Phase::opening);
}

// --- from the client -------------------------------------------------------------------------------------------

void ProxyConnection::take(std::span<const unsigned char> bytes) {
  facts_.seen.bytes_in += bytes.size();
  if (begun_) return receive(bytes);
  first_.insert(first_.end(), bytes.begin(), bytes.end());
  const auto begins = pindrill::begins(first_);
  if (begins == Begins::unclear) return;
  begin(begins == Begins::tls);
}

void ProxyConnection::begin(bool tls) {
  begun_ = true;
  facts_.seen.plaintext = !tls;
  const auto first = std::exchange(first_, {});
  const bool wanted = context_->options.context != nullptr;
  if (wanted && !tls) refuse("it spoke no TLS to a proxy that does");
  if (wanted && tls) {
    facts_.seen.credential = context_->options.label;
    try {
      tls_ = std::make_unique<Connection>(context_->options.context, facts_.seen);
      tls_->show(context_->options.credential);
    } catch (const Error& error) {
      tls_.reset();
      refuse(error.what());  // nothing may be thrown across the loop
    }
  }
  receive(first);
}

void ProxyConnection::receive(std::span<const unsigned char> bytes) {
  if (!tls_) return hear(bytes);
  const auto self = shared_from_this();
  scan(raw_scanner_, bytes, facts_.seen.plain_secrets);
  tls_->receive(bytes);
  hear(tls_->take_data());
  if (phase_ == Phase::over) return;
  flush();
  if (facts_.seen.close_notify) said_all();
  if (!tls_->over() || client_done_ || phase_ == Phase::refused) return;
  if (server_) std::exchange(server_, nullptr)->reset();  // nobody can read any more for it
  refuse("no TLS connection with the proxy: " + facts_.seen.failure);
}

void ProxyConnection::hear(std::span<const unsigned char> data) {
  if (data.empty()) return;
  switch (phase_) {
    case Phase::opening:
      return open(data);
    case Phase::connecting:
      held_.insert(held_.end(), data.begin(), data.end());  // at most what one read brought: it is paused
      return;
    case Phase::tunnel:
      return up(data);
    case Phase::refused:
      return note_readable(data);
    case Phase::over:
      return;
  }
}

void ProxyConnection::open(std::span<const unsigned char> data) {
  const auto state = opening_->feed(data);
  const bool tunnel = state == Opening::State::connect;
  note_readable(data.first(data.size() - (tunnel ? opening_->rest().size() : 0)));
  say(opening_->answer());
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) return refuse("what it said to the proxy was not understood");
  facts_.host = opening_->host();
  facts_.port = opening_->port();
  facts_.asked_for_tunnel = tunnel;
  context_->changed(facts_.seen.number);
  if (tunnel) return lead();
  const std::string why = "a plain request in absolute form: no tunnel was asked for";
  say(opening_->refused(why));
  refuse(why);
}

void ProxyConnection::lead() {
  const auto& hosts = context_->options.hosts;
  const auto known = hosts.find(facts_.host);
  const Endpoint server{known == hosts.end() ? facts_.host : known->second, facts_.port};
  if (!context_->servers.contains(server)) {
    const std::string why = "it is no server that this proxy leads to";
    say(opening_->refused(why));
    refuse(why);
    return hear(octets(opening_->rest()));
  }
  phase_ = Phase::connecting;
  held_.assign(opening_->rest().begin(), opening_->rest().end());
  client_->pause();
  Route route;
  route.private_addresses = true;
  route.timeout = kConnectTime;
  connect(context_->loop, route, server.address, server.port,
          [self = shared_from_this()](std::shared_ptr<Stream> stream, const std::string& failure) {
            if (self->phase_ == Phase::connecting) return self->connected(std::move(stream), failure);
            if (stream) stream->close();
          });
}

void ProxyConnection::connected(std::shared_ptr<Stream> stream, const std::string& failure) {
  if (!stream) {
    facts_.connect_failure = failure;
    say(opening_->not_connected(failure));
    refuse("no connection to the server");
    hear(held_);
    client_->resume();
    return;
  }
  timer_.reset();
  facts_.connected = true;
  phase_ = Phase::tunnel;
  server_ = std::move(stream);
  server_->probe();
  say(opening_->connected());
  opening_.reset();
  server_->start(std::make_shared<Side>(shared_from_this(), false));
  if (phase_ != Phase::tunnel) return;
  up(std::exchange(held_, {}));
  if (client_done_) server_->finish();
  client_->resume();
}

/// What stands on the proxy's own leg. Of SOCKS only the secrets are of interest: it is no request.
void ProxyConnection::note_readable(std::span<const unsigned char> data) {
  if (data.empty()) return;
  auto& seen = facts_.seen;
  if (seen.first_data_at == 0) seen.first_data_at = monotonic_now();
  scan(scanner_, data, seen.secrets);
  if (context_->options.language == ProxyLanguage::socks && phase_ == Phase::opening) return;
  reader_.feed(data);
  seen.progress = reader_.progress();
  seen.boilerplate_bytes = reader_.boilerplate_bytes();
  seen.data_bytes = reader_.data_bytes();
  seen.request_line = reader_.request_line();
}

// --- both ways -------------------------------------------------------------------------------------------------

void ProxyConnection::up(std::span<const unsigned char> data) {
  if (data.empty() || !server_) return;
  facts_.tunnel_bytes_up += data.size();
  scan(tunnel_scanner_, data, facts_.tunnel_secrets);
  server_->write(data);
  if (server_ && server_->waiting() > kHighWater) client_->pause();
}

void ProxyConnection::down(std::span<const unsigned char> bytes) {
  facts_.tunnel_bytes_down += bytes.size();
  say(bytes);
  if (server_ && client_->waiting() > kHighWater) server_->pause();
}

void ProxyConnection::say(std::span<const unsigned char> data) {
  if (data.empty() || !client_) return;
  if (!tls_) return client_->write(data);
  tls_->send(data);
  flush();
}

void ProxyConnection::say(const std::string& text) { say(octets(text)); }

void ProxyConnection::flush() {
  if (tls_ && client_) client_->write(tls_->take_output());
}

// --- ends ------------------------------------------------------------------------------------------------------

/// No more is said to it, but it is heard to its end.
void ProxyConnection::refuse(const std::string& failure) {
  if (phase_ == Phase::over) return;
  phase_ = Phase::refused;
  facts_.failure = failure;
  context_->changed(facts_.seen.number);
  if (tls_ && !tls_->over()) tls_->close();
  flush();
  client_->finish();
  be_patient(failure);
}

/// The client: on its socket, or by the close_notify of its TLS with the proxy.
void ProxyConnection::said_all() {
  if (std::exchange(client_done_, true)) return;
  if (phase_ == Phase::tunnel && server_) server_->finish();
}

void ProxyConnection::client_ended(StreamEnd how) {
  const auto self = shared_from_this();
  if (!begun_ && !first_.empty()) begin(false);  // too short to be TLS
  facts_.seen.ended = how == StreamEnd::fin ? Ended::fin : Ended::reset;
  facts_.seen.ended_at = monotonic_now();
  if (how == StreamEnd::reset && server_) server_->reset();
  if (how == StreamEnd::reset || phase_ == Phase::opening || phase_ == Phase::refused) return finish_over();
  said_all();
  over_when_written();
}

void ProxyConnection::server_ended(StreamEnd how) {
  const auto self = shared_from_this();
  server_done_ = true;
  if (how == StreamEnd::reset) {
    client_->reset();  // a cut answer does not look like a whole one
    return finish_over();
  }
  if (tls_ && !tls_->over()) tls_->close();
  flush();
  if (phase_ == Phase::over) return;  // the last write was all that was left to do
  client_->finish();
  over_when_written();
}

/// Both sides have said everything; it is over when the kernel has it, and the client has closed its socket.
void ProxyConnection::over_when_written() {
  if (phase_ != Phase::tunnel || facts_.seen.ended == Ended::open || !server_done_) return;
  if (client_->waiting() == 0 && server_->waiting() == 0) finish_over();
}

void ProxyConnection::end(const std::string& failure) {
  if (phase_ == Phase::over) return;
  if (facts_.failure.empty()) facts_.failure = failure;
  finish_over();
}

void ProxyConnection::finish_over() {
  if (std::exchange(phase_, Phase::over) == Phase::over) return;
  const auto self = shared_from_this();  // the streams may hold the last reference
  timer_.reset();
  std::exchange(client_, nullptr)->close();
  if (server_) std::exchange(server_, nullptr)->close();
  context_->changed(facts_.seen.number);
  // Not from here: the engine may stand in the middle of an event.
  context_->loop.post([self] { self->tls_.reset(); });
}

}  // namespace pindrill

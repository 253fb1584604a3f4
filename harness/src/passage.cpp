#include "passage.h"

#include <utility>

namespace pindrill {
namespace {

constexpr unsigned char kHandshakeRecord = 22;
constexpr std::size_t kMaxHello = 128 * 1024;
constexpr std::size_t kHighWater = 256 * 1024;
constexpr std::size_t kLowWater = 64 * 1024;
constexpr auto kLastWait = std::chrono::seconds(30);

/// Lets a fast side wait for a slow one.
void hold_back(Stream& reader, const Stream& writer) {
  if (writer.waiting() > kHighWater) reader.pause();
}

}  // namespace

class Passage::Side final : public StreamHandler {
 public:
  Side(std::shared_ptr<Passage> passage, bool client) : passage_(std::move(passage)), client_(client) {}

  void on_data(std::span<const unsigned char> bytes) override {
    client_ ? passage_->from_client(bytes) : passage_->from_upstream(bytes);
  }

  void on_written(std::uint64_t total) override {
    const auto& written = client_ ? passage_->client_ : passage_->upstream_;
    const auto& read = client_ ? passage_->upstream_ : passage_->client_;
    if (client_) passage_->client_written(total);
    const auto phase = passage_->phase_;
    const bool flows = phase == Phase::plain || phase == Phase::passing || phase == Phase::relaying;
    if (flows && written && read && written->waiting() <= kLowWater) read->resume();
  }

  void on_end(StreamEnd end) override { client_ ? passage_->client_ended(end) : passage_->upstream_ended(end); }

 private:
  std::shared_ptr<Passage> passage_;  // until the stream lets go of us
  bool client_;
};

Passage::Passage(std::shared_ptr<PassageContext> context, std::shared_ptr<Stream> client, const Entrance& entrance,
                 std::uint64_t id)
    : context_(std::move(context)), client_(std::move(client)), entrance_(entrance) {
  facts_.id = id;
  facts_.way = entrance.way;
  facts_.client = client_->peer().address;
  facts_.seen.number = id;
  facts_.seen.accepted_at = monotonic_now();
}

void Passage::start() {
  timer_ = std::make_unique<Timer>(context_->loop);
  timer_->start(context_->options.patience, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->end("nothing whole came, or nothing was decided, in time");
  });
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
      const auto where = client_->original_destination();
      connect_host_ = where.address;
      facts_.port = where.port;
      break;
    }
    case Way::direct:
      facts_.port = client_->local().port;
      break;
  }
  facts_.host = connect_host_;
  if (!opening_) phase_ = Phase::peeking;
  client_->start(std::make_shared<Side>(shared_from_this(), true));
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
      heard(bytes);
      return to_upstream(bytes);
    case Phase::passing:
      watcher_->from_client(bytes);
      return to_upstream(bytes);
    case Phase::relaying:
      return relay_up(bytes);
    case Phase::asked:
    case Phase::connecting:
      held_.insert(held_.end(), bytes.begin(), bytes.end());  // at most what one read brought
      return;
    case Phase::over:
      return;
  }
}

void Passage::open(std::span<const unsigned char> bytes) {
  const auto state = opening_->feed(bytes);
  to_client(opening_->answer());
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) {
    facts_.failure = "what the client said to the proxy was not understood";
    phase_ = Phase::over;
    return wait_for_the_end();
  }
  connect_host_ = facts_.host = opening_->host();
  facts_.port = opening_->port();
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
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  if (held_.front() == kHandshakeRecord) return peek_tls(bytes);
  if (entrance_.way != Way::direct) return speak_plain();
  if (!opening_) opening_ = host_field_opening(facts_.port);
  const auto state = opening_->feed(bytes);
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) return end("neither TLS nor a request that says where it goes");
  connect_host_ = facts_.host = opening_->host();
  speak_plain();
}

void Passage::peek_tls(std::span<const unsigned char> bytes) {
  try {
    if (!tls_) tls_ = std::make_unique<Connection>(context_->server, facts_.seen);
    tls_->receive(bytes);
  } catch (const Error& error) {
    return end(error.what());  // nothing may be thrown across the loop
  }
  if (tls_->over()) {
    to_client(tls_->take_output());
    return end("no ClientHello: " + facts_.seen.failure);
  }
  if (facts_.seen.hello) return ask();
  if (held_.size() > kMaxHello) end("a ClientHello that never ends");
}

void Passage::ask() {
  const auto& sni = facts_.seen.hello->sni;
  if (!sni.empty()) facts_.host = plain_host(sni);
  if (connect_host_.empty()) connect_host_ = facts_.host;
  if (connect_host_.empty()) return end("no server name in the ClientHello: nobody knows where it wants to go");
  phase_ = Phase::asked;
  client_->pause();
  context_->ask({facts_.id, facts_.way, facts_.client, facts_.host, facts_.port, *facts_.seen.hello});
}

void Passage::speak_plain() {
  timer_.reset();
  facts_.seen.plaintext = true;
  phase_ = Phase::connecting;
  heard(held_);
  connect_then([this] {
    facts_.plaintext_forwarded = true;
    phase_ = Phase::plain;
    to_upstream(std::exchange(held_, {}));
    client_->resume();
  });
}

// --- the upstream's connection ---------------------------------------------------------------------------------

/// Runs `next` when there is a connection; without one the client is told, and this passage ends.
void Passage::connect_then(std::function<void()> next) {
  if (upstream_) return next();
  const bool begun = once_connected_ != nullptr;
  once_connected_ = std::move(next);
  if (failed_upstream_) return connected(nullptr, facts_.upstream_failure);
  if (begun) return;
  connect(context_->loop, context_->options.route, connect_host_, facts_.port,
          [self = shared_from_this()](std::shared_ptr<Stream> stream, const std::string& failure) {
            self->connected(std::move(stream), failure);
          });
}

void Passage::connected(std::shared_ptr<Stream> stream, const std::string& failure) {
  if (!client_) {
    if (stream) stream->close();
    return;
  }
  if (stream) {
    upstream_ = std::move(stream);
    facts_.upstream_address = upstream_->peer().address;
    upstream_->start(std::make_shared<Side>(shared_from_this(), false));
    return std::exchange(once_connected_, nullptr)();
  }
  facts_.upstream_failure = failure;
  failed_upstream_ = true;
  // A connection that was made in advance: the ClientHello tells more than its failure.
  if (phase_ == Phase::peeking || phase_ == Phase::asked) return;
  facts_.failure = "no connection to the upstream";
  if (opening_ && entrance_.way != Way::direct) to_client(opening_->not_connected(failure));
  if (tls_) return refuse_client(failure);
  phase_ = Phase::over;
  client_->resume();
  wait_for_the_end();
}

void Passage::pass(const std::string& label) {
  if (phase_ != Phase::asked) return;
  timer_.reset();
  facts_.condition = label;
  tls_.reset();
  watcher_ = std::make_unique<RecordWatcher>();
  phase_ = Phase::connecting;
  connect_then([this] {
    phase_ = Phase::passing;
    watcher_->from_client(held_);
    to_upstream(std::exchange(held_, {}));
    client_->resume();
  });
}

void Passage::stage(const std::string& label, std::shared_ptr<const Credential> credential) {
  if (phase_ != Phase::asked) return;
  timer_.reset();
  facts_.condition = facts_.seen.credential = label;
  credential_ = std::move(credential);
  held_ = {};  // the engine has it
  phase_ = Phase::connecting;
  connect_then([this] { begin_upstream_tls(); });
}

void Passage::begin_upstream_tls() {
  phase_ = Phase::relaying;
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
  phase_ = Phase::over;
  client_->resume();
  wait_for_the_end();
}

// --- relaying --------------------------------------------------------------------------------------------------

void Passage::relay_up(std::span<const unsigned char> bytes) {
  const bool before = tls_->established();
  tls_->receive(bytes);
  const auto data = tls_->take_data();
  heard(data);
  up_->send(data);
  if (!before && tls_->established() && !held_down_.empty()) send_down(std::exchange(held_down_, {}));
  if (facts_.seen.close_notify) {
    if (!tls_->over() && !tls_->established()) return end("");
    up_->close();
  }
  flush();
  if (tls_->over()) {
    upstream_->finish();
    wait_for_the_end();
  } else if (upstream_done_ && tls_->established()) {
    client_->finish();
  }
}

void Passage::relay_down(std::span<const unsigned char> bytes) {
  const bool before = up_->established();
  up_->receive(bytes);
  if (!before && up_->established()) show();
  if (phase_ != Phase::relaying) return;
  send_down(up_->take_data());
  if (up_->closed() && held_down_.empty()) tls_->close();
  flush();
  if (!up_->over()) return;
  if (!up_->established()) return refuse_client(up_->failure());
  facts_.upstream_failure = up_->failure();
  client_->reset();  // so that a cut answer does not look like a whole one
  over();
}

void Passage::send_down(std::span<const unsigned char> data) {
  if (data.empty()) return;
  if (!tls_->established()) {
    held_down_.insert(held_down_.end(), data.begin(), data.end());
    if (held_down_.size() > kHighWater) upstream_->pause();
    return;
  }
  facts_.upstream_bytes += data.size();
  tls_->send(data);
  flush();
  if (answer_begins_ == 0) answer_begins_ = to_client_;
  client_written(facts_.seen.bytes_out);
  if (up_->closed()) tls_->close();
}

void Passage::heard(std::span<const unsigned char> data) {
  if (data.empty()) return;
  auto& seen = facts_.seen;
  if (seen.first_data_at == 0) seen.first_data_at = monotonic_now();
  if (!reader_) reader_ = std::make_unique<RequestReader>();
  const auto room = context_->options.kept_plaintext - std::min(context_->options.kept_plaintext, facts_.plaintext.size());
  const auto kept = data.first(std::min(room, data.size()));
  facts_.plaintext.insert(facts_.plaintext.end(), kept.begin(), kept.end());
  if (reader_->complete()) {
    seen.data_bytes += data.size();  // a stream, or a request after the first
  } else {
    reader_->feed(data);
    seen.progress = reader_->progress();
    seen.boilerplate_bytes = reader_->boilerplate_bytes();
    seen.data_bytes = reader_->data_bytes();
    seen.request_line = reader_->request_line();
  }
  scanner_.feed(data);
  seen.secrets = scanner_.found();
}

void Passage::from_upstream(std::span<const unsigned char> bytes) {
  switch (phase_) {
    case Phase::relaying:
      return relay_down(bytes);
    case Phase::passing:
      watcher_->from_server(bytes);
      facts_.upstream_bytes += bytes.size();
      return to_client(bytes);
    case Phase::plain:
    case Phase::peeking:
      // In `peeking`: a server that speaks first, so this is no TLS.
      facts_.upstream_bytes += bytes.size();
      if (answer_begins_ == 0) answer_begins_ = to_client_ + bytes.size();
      return to_client(bytes);
    default:
      return;
  }
}

// --- small things ----------------------------------------------------------------------------------------------

void Passage::to_client(std::span<const unsigned char> bytes) {
  if (!client_ || bytes.empty()) return;
  to_client_ += bytes.size();
  client_->write(bytes);
  if (upstream_) hold_back(*upstream_, *client_);
}

void Passage::to_client(const std::string& text) {
  to_client(std::span(reinterpret_cast<const unsigned char*>(text.data()), text.size()));
}

void Passage::to_upstream(std::span<const unsigned char> bytes) {
  if (!upstream_ || bytes.empty()) return;
  upstream_->write(bytes);
  if (client_) hold_back(*client_, *upstream_);
}

void Passage::flush() {
  if (tls_) to_client(tls_->take_output());
  if (up_) to_upstream(up_->take_output());
}

void Passage::client_written(std::uint64_t total) {
  facts_.seen.bytes_out = total;
  if (tls_) tls_->written(total);
  if (answer_begins_ != 0 && total >= answer_begins_ && facts_.seen.response_sent_at == 0) {
    facts_.seen.response_sent_at = monotonic_now();
  }
}

// --- ends ------------------------------------------------------------------------------------------------------

void Passage::client_ended(StreamEnd how) {
  if (facts_.seen.ended == Ended::open) {
    facts_.seen.ended = how == StreamEnd::fin ? Ended::fin : Ended::reset;
    facts_.seen.ended_at = monotonic_now();
  }
  client_done_ = true;
  if (how == StreamEnd::reset) {
    if (upstream_) upstream_->reset();
    return over();
  }
  const bool flows = phase_ == Phase::plain || phase_ == Phase::passing ||
                     (phase_ == Phase::relaying && tls_->established()) ||
                     (phase_ == Phase::connecting && facts_.seen.plaintext);
  if (!flows || upstream_done_ || !upstream_) return over();
  upstream_->finish();
}

void Passage::upstream_ended(StreamEnd how) {
  upstream_done_ = true;
  if (how == StreamEnd::reset) {
    if (facts_.upstream_failure.empty()) facts_.upstream_failure = "it reset the connection";
    if (phase_ == Phase::relaying && !up_->established()) return refuse_client(facts_.upstream_failure);
    if (phase_ == Phase::passing || phase_ == Phase::plain || phase_ == Phase::relaying) {
      client_->reset();
      return over();
    }
    return;
  }
  if (client_done_) return over();
  if (phase_ == Phase::relaying && !up_->established()) return refuse_client("it closed the connection");
  if (phase_ == Phase::relaying && !tls_->established()) return;  // `relay_up` ends it
  if (phase_ == Phase::passing || phase_ == Phase::plain || phase_ == Phase::relaying) client_->finish();
}

/// Everything was said: the client's own end is still worth knowing, for a while.
void Passage::wait_for_the_end() {
  if (!client_) return;
  client_->finish();
  if (client_done_) return over();
  timer_ = std::make_unique<Timer>(context_->loop);
  timer_->start(kLastWait, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->over();
  });
}

void Passage::end(const std::string& failure) {
  if (facts_.failure.empty()) facts_.failure = failure;
  over();
}

void Passage::over() {
  phase_ = Phase::over;
  if (!client_) return;
  const auto self = shared_from_this();  // the streams may hold the last reference
  once_connected_ = nullptr;
  timer_.reset();
  if (watcher_) {
    facts_.passed_version = watcher_->version();
    facts_.passed_records = watcher_->client_records();
  }
  std::exchange(client_, nullptr)->close();
  if (upstream_) std::exchange(upstream_, nullptr)->close();
  // Not from here: the engines may stand in the middle of an event.
  context_->loop.post([self] {
    self->tls_.reset();
    self->up_.reset();
  });
  context_->ended(facts_.id);
}

}  // namespace pindrill

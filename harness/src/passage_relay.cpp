// The second half of a passage: what is said once it is known where to, and how it ends.

#include <utility>

#include "passage.h"

namespace pindrill {
namespace {

constexpr unsigned char kAlertRecord = 21;
constexpr std::size_t kMaxKept = 256 * 1024 * 1024;  ///< readable bytes of all connections
constexpr std::size_t kHighWater = 256 * 1024;
constexpr std::size_t kLowWater = 64 * 1024;
constexpr auto kLastWait = std::chrono::seconds(30);
constexpr std::chrono::milliseconds kLongestHold = std::chrono::seconds(2);

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
    if (passage_->may_read(!client_) && written && read && written->waiting() <= kLowWater) read->resume();
    passage_->over_when_written();
  }

  void on_end(StreamEnd end) override { client_ ? passage_->client_ended(end) : passage_->upstream_ended(end); }

 private:
  std::shared_ptr<Passage> passage_;  // until the stream lets go of us
  bool client_;
};

void Passage::listen_to(bool client) {
  (client ? client_ : upstream_)->start(std::make_shared<Side>(shared_from_this(), client));
}

bool Passage::flows() const { return phase_ == Phase::plain || phase_ == Phase::passing || phase_ == Phase::relaying; }

/// A client that waits for its server's certificate has nothing to say yet.
bool Passage::may_read(bool client) const {
  return flows() && (client ? phase_ != Phase::relaying || up_->established() : !answer_held_);
}

// --- relaying --------------------------------------------------------------------------------------------------

void Passage::relay_up(std::span<const unsigned char> bytes) {
  const bool before = tls_->established();
  const bool closed = facts_.seen.close_notify;
  look_for_plain_secrets(bytes);
  tls_->receive(bytes);
  const auto data = tls_->take_data();
  heard(data);
  if (hold_.count() > 0 && facts_.seen.data_bytes > 0) hold_the_answer();
  if (!closed) up_->send(data);
  if (facts_.seen.close_notify) up_->close();
  if (!before && tls_->established()) send_down(std::exchange(held_down_, {}));
  flush();
  if (tls_->over()) {
    upstream_->finish();
    return wait_for_the_end();
  }
  if (up_->over()) return cut(up_->failure());
  if (upstream_done_ && tls_->established()) client_->finish();
}

void Passage::relay_down(std::span<const unsigned char> bytes) {
  const bool before = up_->established();
  up_->receive(bytes);
  if (!before && up_->established()) show();
  if (phase_ != Phase::relaying) return;
  send_down(up_->take_data());
  flush();
  if (!up_->over()) return;
  if (!up_->established()) return refuse_client(up_->failure());
  cut(up_->failure());
}

void Passage::send_down(std::span<const unsigned char> data) {
  if (!tls_->established()) {
    held_down_.insert(held_down_.end(), data.begin(), data.end());
    if (held_down_.size() > kHighWater) upstream_->pause();
    return;
  }
  if (!data.empty()) {
    facts_.upstream_bytes += data.size();
    tls_->send(data);
    flush();
    if (answer_begins_ == 0) answer_begins_ = to_client_;
    client_written(facts_.seen.bytes_out);
  }
  if (up_->closed()) tls_->close();
}

/// A slow client is given longer: ten times what it took to finish the handshake.
void Passage::hold_the_answer() {
  const auto took = std::chrono::nanoseconds(facts_.seen.finished_at - facts_.seen.flight_sent_at);
  const auto time = std::max(hold_, std::chrono::duration_cast<std::chrono::milliseconds>(10 * took));
  hold_ = {};
  answer_held_ = true;
  upstream_->pause();
  after(std::min(time, kLongestHold), [](Passage& self) {
    self.answer_held_ = false;
    if (self.upstream_) self.upstream_->resume();
  });
}

void Passage::heard(std::span<const unsigned char> data) {
  if (data.empty()) return;
  auto& seen = facts_.seen;
  if (seen.first_data_at == 0) seen.first_data_at = monotonic_now();
  if (!reader_) reader_ = std::make_unique<RequestReader>();
  keep(data);
  if (reader_->complete()) {
    seen.data_bytes += data.size();  // a stream, or a request after the first
    beyond_ = data.size();
  } else {
    reader_->feed(data);
    beyond_ = reader_->beyond();
    seen.progress = reader_->progress();
    seen.boilerplate_bytes = reader_->boilerplate_bytes();
    seen.data_bytes = reader_->data_bytes();
    seen.request_line = reader_->request_line();
  }
  scanner_.feed(data);
  seen.secrets = scanner_.found();
}

void Passage::look_for_plain_secrets(std::span<const unsigned char> bytes) {
  raw_scanner_.feed(bytes);
  auto& known = facts_.seen.plain_secrets;
  if (known.size() != raw_scanner_.found().size()) known = raw_scanner_.found();
}

void Passage::keep(std::span<const unsigned char> data) {
  const auto most = context_->options.kept_plaintext;
  auto& all = *context_->kept;
  const auto room = std::min(most - std::min(most, plaintext_.size()), kMaxKept - std::min(kMaxKept, all.load()));
  const auto kept = data.first(std::min(room, data.size()));
  plaintext_.insert(plaintext_.end(), kept.begin(), kept.end());
  all += kept.size();
}

void Passage::from_upstream(std::span<const unsigned char> bytes) {
  switch (phase_) {
    case Phase::relaying:
      return relay_down(bytes);
    case Phase::passing:
      watcher_->from_server(bytes);
      facts_.upstream_bytes += bytes.size();
      return to_client(bytes);
    case Phase::peeking:
      return hear_server_first(bytes);
    case Phase::plain:
      hear_plain_answer(bytes);
      facts_.upstream_bytes += bytes.size();
      if (answer_begins_ == 0) answer_begins_ = to_client_ + bytes.size();
      return to_client(bytes);
    default:
      return;
  }
}

/// A server that speaks first speaks no TLS, unless it complains that the client said nothing.
void Passage::hear_server_first(std::span<const unsigned char> bytes) {
  facts_.upstream_bytes += bytes.size();
  if (held_.empty() && bytes.front() != kAlertRecord) {
    timer_.reset();
    phase_ = Phase::plain;
  }
  to_client(bytes);
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
  if (tls_ && total > before_tls_) tls_->written(total - before_tls_);
  if (answer_begins_ != 0 && total >= answer_begins_ && facts_.seen.response_sent_at == 0) {
    facts_.seen.response_sent_at = monotonic_now();
  }
}

void Passage::after(std::chrono::milliseconds time, std::function<void(Passage&)> then) {
  timer_ = std::make_unique<Timer>(context_->loop);
  timer_->start(time, [weak = weak_from_this(), then = std::move(then)] {
    if (const auto self = weak.lock()) then(*self);
  });
}

Contact Passage::take_facts() {
  facts_.plaintext = std::move(plaintext_);
  return std::move(facts_);
}

// --- ends ------------------------------------------------------------------------------------------------------

void Passage::client_ended(StreamEnd how) {
  if (facts_.seen.ended == Ended::open) {
    facts_.seen.ended = how == StreamEnd::fin ? Ended::fin : Ended::reset;
    facts_.seen.ended_at = monotonic_now();
  }
  client_done_ = true;
  if (phase_ == Phase::peeking && !tls_ && !opening_ && !held_.empty()) {
    facts_.seen.plaintext = true;  // too short to be TLS
    heard(std::exchange(held_, {}));
  }
  if (how == StreamEnd::reset) {
    if (upstream_) upstream_->reset();
    return over();
  }
  // A client that waits for the server's first word may have said all of its own.
  const bool silent = phase_ == Phase::peeking && held_.empty();
  const bool talks = flows() && (phase_ != Phase::relaying || tls_->established());
  if (!upstream_ || !(talks || silent)) return over();
  upstream_->finish();
  over_when_written();
}

void Passage::upstream_ended(StreamEnd how) {
  upstream_done_ = true;
  if (!client_done_) facts_.upstream_ended_at = monotonic_now();
  const bool unshown = phase_ == Phase::relaying && !up_->established();
  if (how == StreamEnd::reset) {
    if (unshown) return refuse_client("it reset the connection");
    if (flows() || phase_ == Phase::peeking) cut("it reset the connection");
    return;
  }
  if (unshown) return refuse_client("it closed the connection");
  if (phase_ == Phase::relaying && !tls_->established()) return;  // `relay_up` ends it
  const bool closed = phase_ == Phase::relaying && facts_.seen.close_notify && !client_done_;
  if (closed && client_->waiting() == 0) return wait_for_the_end();
  if (flows() || phase_ == Phase::peeking) client_->finish();
  over_when_written();
}

/// The upstream's connection broke: the client sees that as well, so that a cut answer does not look like a whole one.
void Passage::cut(const std::string& failure) {
  if (facts_.upstream_failure.empty()) facts_.upstream_failure = failure;
  client_->reset();
  over();
}

/// Both sides have said everything; it is over when the kernel has it.
void Passage::over_when_written() {
  if (!client_ || !client_done_ || !upstream_done_) return;
  if (client_->waiting() == 0 && (!upstream_ || upstream_->waiting() == 0)) over();
}

void Passage::turn_away(const std::string& failure) {
  facts_.failure = failure;
  wait_for_the_end();
}

/// Everything was said: the client's own end is still worth knowing, for a while.
void Passage::wait_for_the_end() {
  phase_ = Phase::over;
  if (!client_) return;
  client_->finish();
  if (client_done_) return over();
  client_->resume();
  after(kLastWait, [](Passage& self) { self.over(); });
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
  context_->came.erase(came_);
  std::exchange(client_, nullptr)->close();
  if (upstream_) {
    context_->made.erase(made_);
    std::exchange(upstream_, nullptr)->close();
  }
  context_->ended(facts_.id);
  // Not from here: the engines may stand in the middle of an event.
  context_->loop.post([self] {
    self->tls_.reset();
    self->up_.reset();
  });
}

}  // namespace pindrill

// What is said in a relay once it is known where to.

#include <algorithm>
#include <string_view>
#include <utility>

#include "relay.h"

namespace pindrill {
namespace {

constexpr unsigned char kAlertRecord = 21;
constexpr std::size_t kMaxKept = 256 * 1024 * 1024;  ///< readable bytes of all connections
constexpr std::chrono::milliseconds kLongestHold = std::chrono::seconds(2);

}  // namespace

void Relay::from_upstream(std::span<const unsigned char> bytes) {
  std::visit(Match{
                 [&](stand::Peeking& here) { hear_server_first(here, bytes); },
                 [&](stand::Plain& here) {
                   hear_plain_answer(here, bytes);
                   facts_.upstream_bytes += bytes.size();
                   forward(Side::client, bytes.size());
                   witness_.answers_at(line(Side::client).queued);
                 },
                 [&](stand::Passing& here) {
                   here.watcher.from_server(bytes);
                   facts_.upstream_bytes += bytes.size();
                   forward(Side::client, bytes.size());
                 },
                 [&](stand::Relaying& here) { relay_down(here, bytes); },
                 [](auto&) {},
             },
             state_);
}

// --- plain text ------------------------------------------------------------------------------------------------

/// A server that speaks first speaks no TLS, unless it complains that the client said nothing.
void Relay::hear_server_first(stand::Peeking& here, std::span<const unsigned char> bytes) {
  facts_.upstream_bytes += bytes.size();
  forward(Side::client, bytes.size());
  if (!here.held.empty() || !witness_.first().empty() || bytes.front() == kAlertRecord) return;
  stop_timer();
  state_ = stand::Plain{here.rule};
}

/// Sends on of the octets that were heard last what may go to this server.
void Relay::forward_plain(const stand::PlainRule& rule, std::size_t size,
                          const std::function<void(std::size_t)>& send) {
  if (!rule.one_request) return send(size);
  if (facts_.seen.progress == Progress::other) return end("a plain request of which nobody knows where it ends");
  send(size - witness_.beyond());
  if (witness_.beyond() > 0) second_request();
}

/// It was heard and is not forwarded, whomever it is for. The answer to the first one may still come.
void Relay::second_request() {
  if (facts_.upstream_bytes > 0) return turn_away(kSecondRequest);
  facts_.failure = kSecondRequest;
  start_timer(settings_->patience);
}

/// "101 Switching Protocols": what the client says from now on is no request.
void Relay::hear_plain_answer(stand::Plain& here, std::span<const unsigned char> bytes) {
  if (!here.rule.upgrades) return;
  constexpr std::string_view kSwitching = "HTTP/1.1 101";
  const auto start = bytes.first(std::min(bytes.size(), kSwitching.size()));
  here.answer_start.append(start.begin(), start.end());
  if (here.answer_start.size() < kSwitching.size()) return;
  here.rule.upgrades = false;
  if (here.answer_start.starts_with(kSwitching)) here.rule.one_request = false;
}

// --- TLS on both sides -----------------------------------------------------------------------------------------

/// The genuine server is there and speaks `up->alpn()`: now the client meets its credential.
bool Relay::show(stand::Relaying& here) {
  stop_timer();
  try {
    here.tls->show(std::exchange(here.credential, nullptr), here.up->alpn());
  } catch (const Error& error) {
    facts_.failure = error.what();
    refuse_client("");
    return false;
  }
  flush(here);
  resume(Side::client);
  return true;
}

void Relay::relay_up(stand::Relaying& here, std::span<const unsigned char> bytes) {
  const bool before = here.tls->established();
  const bool closed = facts_.seen.close_notify;
  const auto data = decrypt(*here.tls, bytes);
  if (here.hold.count() > 0 && facts_.seen.data_bytes > 0) hold_the_answer(here);
  if (!closed) here.up->send(data);
  if (facts_.seen.close_notify) here.up->close();
  if (!before && here.tls->established()) send_down(here, std::exchange(here.held_down, {}));
  flush(here);
  if (here.tls->over()) {
    finish(Side::upstream);
    return wait_for_the_end();
  }
  if (here.up->over()) return cut(here.up->failure());
  if (line(Side::upstream).done && here.tls->established()) finish(Side::client);
}

void Relay::relay_down(stand::Relaying& here, std::span<const unsigned char> bytes) {
  const bool before = here.up->established();
  here.up->receive(bytes);
  if (!before && here.up->established() && !show(here)) return;
  send_down(here, here.up->take_data());
  flush(here);
  if (!here.up->over()) return;
  here.up->established() ? cut(here.up->failure()) : refuse_client(here.up->failure());
}

void Relay::send_down(stand::Relaying& here, std::span<const unsigned char> data) {
  if (!here.tls->established()) {
    here.held_down.insert(here.held_down.end(), data.begin(), data.end());
    if (here.held_down.size() > kHighWater) pause(Side::upstream);
    return;
  }
  if (!data.empty()) {
    facts_.upstream_bytes += data.size();
    here.tls->send(data);
    flush(here);
    witness_.answers_at(line(Side::client).queued);
  }
  if (here.up->closed()) here.tls->close();
}

/// A slow client is given longer: ten times what it took to finish the handshake.
void Relay::hold_the_answer(stand::Relaying& here) {
  const auto took = std::chrono::nanoseconds(facts_.seen.finished_at - facts_.seen.flight_sent_at);
  const auto time = std::max(here.hold, std::chrono::duration_cast<std::chrono::milliseconds>(10 * took));
  here.hold = {};
  here.answer_held = true;
  pause(Side::upstream);
  start_timer(std::min(time, kLongestHold));
}

void Relay::flush(stand::Relaying& here) {
  write(Side::client, here.tls->take_output());
  write(Side::upstream, here.up->take_output());
}

// --- what is heard ---------------------------------------------------------------------------------------------

void Relay::hear_plain(std::span<const unsigned char> data) {
  keep(data);
  witness_.heard_plain(data);
}

Bytes Relay::decrypt(Connection& tls, std::span<const unsigned char> bytes) {
  auto data = witness_.decrypt(tls, bytes);
  keep(data);
  return data;
}

void Relay::keep(std::span<const unsigned char> data) {
  const auto most = settings_->kept_plaintext;
  auto& all = *settings_->kept;
  const auto room = std::min(most - std::min(most, plaintext_.size()), kMaxKept - std::min(kMaxKept, all.load()));
  const auto kept = data.first(std::min(room, data.size()));
  plaintext_.insert(plaintext_.end(), kept.begin(), kept.end());
  all += kept.size();
}

Contact Relay::take_facts() {
  facts_.plaintext = std::move(plaintext_);
  return std::move(facts_);
}

}  // namespace pindrill

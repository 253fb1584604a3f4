// What a relay wants done, whose turn it is to be read, and how it ends.

#include <utility>

#include "relay.h"

namespace pindrill {
namespace {

constexpr std::size_t kLowWater = 64 * 1024;
constexpr auto kLastWait = std::chrono::seconds(30);

Side other(Side side) { return side == Side::client ? Side::upstream : Side::client; }

}  // namespace

void Relay::write(Side to, Bytes bytes) {
  if (!there(to) || bytes.empty()) return;
  line(to).queued += bytes.size();
  line(to).waiting += bytes.size();
  actions_.emplace_back(act::Write{to, std::move(bytes)});
}

void Relay::forward(Side to, std::size_t size) {
  if (!there(to) || size == 0) return;
  line(to).queued += size;
  line(to).waiting += size;
  actions_.emplace_back(act::Forward{to, size});
}

void Relay::pause(Side side) {
  if (there(side) && !std::exchange(line(side).paused, true)) actions_.emplace_back(act::Pause{side});
}

void Relay::resume(Side side) {
  if (there(side) && std::exchange(line(side).paused, false)) actions_.emplace_back(act::Resume{side});
}

void Relay::finish(Side side) {
  if (there(side) && !std::exchange(line(side).finished, true)) actions_.emplace_back(act::Finish{side});
}

std::unique_ptr<Connection>* Relay::engine() {
  return std::visit(
      [](auto& here) -> std::unique_ptr<Connection>* {
        if constexpr (requires { here.tls; }) {
          return here.tls ? &here.tls : nullptr;
        } else {
          return nullptr;
        }
      },
      state_);
}

bool Relay::flows() const noexcept {
  return std::holds_alternative<stand::Plain>(state_) || std::holds_alternative<stand::Passing>(state_) ||
         std::holds_alternative<stand::Relaying>(state_);
}

/// A client that waits for its server's certificate has nothing to say yet.
bool Relay::may_read(Side side) const {
  const auto* relaying = std::get_if<stand::Relaying>(&state_);
  if (relaying == nullptr) return flows();
  return side == Side::client ? relaying->up->established() : !relaying->answer_held;
}

void Relay::written(Side to, std::uint64_t total, std::size_t waiting) {
  if (over()) return;
  line(to).waiting = waiting;
  if (to == Side::client) {
    if (const auto* tls = engine(); tls != nullptr && total > before_tls_) (*tls)->written(total - before_tls_);
    witness_.written(total);
  }
  if (waiting <= kLowWater) {
    if (may_read(other(to))) resume(other(to));
  } else if (waiting > kHighWater && !std::holds_alternative<stand::Ending>(state_)) {
    pause(other(to));  // lets a fast side wait for a slow one
  }
  over_when_written();
}

void Relay::timed_out() {
  std::visit(Match{
                 [&](stand::Asked&) { end("nothing was decided in time"); },
                 [&](stand::Plain&) { end(kSecondRequest); },
                 [&](stand::Relaying& here) {
                   if (!here.up->established()) return refuse_client("no TLS handshake in time");
                   here.answer_held = false;
                   resume(Side::upstream);
                 },
                 [&](stand::Ending&) { close(); },
                 [](stand::Over&) {},
                 [&](auto&) { end("nothing whole came in time"); },
             },
             state_);
}

// --- ends ------------------------------------------------------------------------------------------------------

void Relay::ended(Side side, Ended how) {
  if (over()) return;
  line(side).done = true;
  side == Side::client ? client_ended(how) : upstream_ended(how);
}

void Relay::client_ended(Ended how) {
  keep(witness_.first());
  witness_.ended(how);
  if (how == Ended::reset) {
    if (there(Side::upstream)) actions_.emplace_back(act::Reset{Side::upstream});
    return close();
  }
  // A client that waits for the server's first word may have said all of its own.
  const auto* peeking = std::get_if<stand::Peeking>(&state_);
  const auto* relaying = std::get_if<stand::Relaying>(&state_);
  const bool silent = peeking != nullptr && peeking->held.empty();
  const bool talks = relaying != nullptr ? relaying->tls->established() : flows();
  if (!there(Side::upstream) || !(talks || silent)) return close();
  finish(Side::upstream);
  over_when_written();
}

void Relay::upstream_ended(Ended how) {
  const bool client_done = line(Side::client).done;
  if (!client_done) facts_.upstream_ended_at = monotonic_now();
  const auto* relaying = std::get_if<stand::Relaying>(&state_);
  const bool unshown = relaying != nullptr && !relaying->up->established();
  const bool speaks = flows() || std::holds_alternative<stand::Peeking>(state_);
  if (how == Ended::reset) {
    if (unshown) return refuse_client("it reset the connection");
    if (speaks) cut("it reset the connection");
    return;
  }
  if (unshown) return refuse_client("it closed the connection");
  if (relaying != nullptr && !relaying->tls->established()) return;  // `relay_up` ends it
  const bool closed = relaying != nullptr && facts_.seen.close_notify && !client_done;
  if (closed && line(Side::client).waiting == 0) return wait_for_the_end();
  if (speaks) finish(Side::client);
  over_when_written();
}

/// The upstream's connection broke: the client sees that as well, so that a cut answer does not look like a whole one.
void Relay::cut(const std::string& failure) {
  if (facts_.upstream_failure.empty()) facts_.upstream_failure = failure;
  actions_.emplace_back(act::Reset{Side::client});
  close();
}

/// Both sides have said everything; it is over when the kernel has it.
void Relay::over_when_written() {
  if (!line(Side::client).done || !line(Side::upstream).done) return;
  if (line(Side::client).waiting == 0 && line(Side::upstream).waiting == 0) close();
}

void Relay::turn_away(const std::string& failure) {
  facts_.failure = failure;
  wait_for_the_end();
}

/// An error for the client, before it was shown any certificate.
void Relay::refuse_client(const std::string& failure) {
  if (!failure.empty()) facts_.upstream_failure = failure;
  if (const auto* tls = engine(); tls != nullptr && facts_.seen.flight_made_at == 0) {
    (*tls)->refuse();
    write(Side::client, (*tls)->take_output());
  }
  wait_for_the_end();
}

void Relay::wait_for_the_end() {
  auto* tls = engine();
  state_ = stand::Ending{tls == nullptr ? nullptr : std::move(*tls)};
  finish(Side::client);
  if (line(Side::client).done) return close();
  resume(Side::client);
  start_timer(kLastWait);
}

void Relay::end(const std::string& failure, const std::string& of_upstream) {
  if (over()) return;
  if (!of_upstream.empty()) facts_.upstream_failure = of_upstream;
  if (facts_.failure.empty()) facts_.failure = failure;
  close();
}

void Relay::close() {
  if (over()) return;
  if (const auto* here = std::get_if<stand::Passing>(&state_)) {
    facts_.passed_version = here->watcher.version();
    facts_.passed_records = here->watcher.client_records();
  }
  state_ = stand::Over{};
  actions_.emplace_back(act::Close{});
}

}  // namespace pindrill

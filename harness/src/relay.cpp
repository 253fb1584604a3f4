// A relay stands between a client and its server, and is a machine: something happens (octets, an end, a connection, a
// decision, time is up), it moves from one state to the next, and says what is to be done. It touches no socket, so
// each rule below can be tested as a sequence of events. A state owns what it needs; what is of no more use goes with
// it. A handler that has moved on, or may have, returns at once: its own state is gone.
//
//   Opened -> Tunnelling -> Peeking -> Asked -> ToPass -> Passing           what the client and server say to each
//   other
//                              |          `---> ToStage -> Relaying         a credential of ours, two TLS connections
//                              `-> ToSpeak -> Plain                         no TLS
//
// and from anywhere to Ending, which waits for the client's own end, and to Over.
//   - Nothing is answered before the ClientHello was read and a decision is there. The client meets a certificate only
//     once its genuine server was verified and has chosen the protocol to speak.
//   - A paused client gives no more than a socket that broke had left. Who writes faster than the other reads is paused
//     at the high water, and resumed at the low, when this state lets it speak at all.
//   - Ends are handed on as they are: FIN as FIN, reset as reset, a cut answer never as a whole one.
//   - One timer: what it was for is told by the state in which it runs out.
//
// This file goes as far as the decision; relay_talk.cpp has what is said then, and relay_ends.cpp how it ends.

#include "relay.h"

#include <utility>

namespace pindrill {
namespace {

constexpr std::size_t kMaxHello = 128 * 1024;

void append(Bytes& to, std::span<const unsigned char> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

}  // namespace

Relay::Relay(std::shared_ptr<const RelaySettings> settings, const Arrival& arrival)
    : settings_(std::move(settings)), connect_host_(arrival.host) {
  facts_.id = facts_.seen.number = arrival.id;
  facts_.way = arrival.way;
  facts_.client = arrival.client;
  facts_.host = arrival.host;
  facts_.port = arrival.port;
  if (arrival.way == Way::proxy) {
    state_ = stand::Opened{http_proxy_opening()};
  } else if (arrival.way == Way::socks) {
    state_ = stand::Opened{socks_opening()};
  } else {
    state_ = stand::Peeking{};
  }
  start_timer(settings_->patience);
}

/// The server may be the first to speak.
void Relay::start() {
  if (std::holds_alternative<stand::Peeking>(state_) && !connect_host_.empty()) want_upstream();
}

void Relay::came(Side from, std::span<const unsigned char> bytes) {
  from == Side::client ? from_client(bytes) : from_upstream(bytes);
}

void Relay::from_client(std::span<const unsigned char> bytes) {
  witness_.came(bytes);
  std::visit(Match{
                 [&](stand::Opened& here) { open(here, bytes); },
                 [&](stand::Tunnelling& here) { append(here.early, bytes); },
                 [&](stand::Peeking& here) { peek(here, bytes); },
                 [&](stand::Asked& here) {
                   append(here.held, bytes);
                   decrypt(*here.tls, bytes);
                 },
                 [&](stand::ToPass& here) { append(here.held, bytes); },
                 [&](stand::ToStage& here) { decrypt(*here.tls, bytes); },
                 [&](stand::ToSpeak&) { hear_plain(bytes); },
                 [&](stand::Plain& here) {
                   facts_.plaintext_forwarded = true;
                   hear_plain(bytes);
                   forward_plain(here.rule, bytes.size(), [&](std::size_t size) { forward(Side::upstream, size); });
                 },
                 [&](stand::Passing& here) {
                   here.watcher.from_client(bytes);
                   forward(Side::upstream, bytes.size());
                 },
                 [&](stand::Relaying& here) { relay_up(here, bytes); },
                 // Nobody answers any more, but what a client gives away it gives away.
                 [&](stand::Ending& here) {
                   if (here.tls) decrypt(*here.tls, bytes);
                 },
                 [](stand::Over&) {},
             },
             state_);
}

void Relay::open(stand::Opened& here, std::span<const unsigned char> bytes) {
  const auto state = here.opening->feed(bytes);
  write(Side::client, here.opening->answer());
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) return turn_away("what the client said to the proxy was not understood");
  connect_host_ = facts_.host = here.opening->host();
  facts_.port = here.opening->port();
  const stand::PlainRule rule{state == Opening::State::forward, here.opening->upgrades()};
  state_ = stand::Tunnelling{std::move(here.opening), rule};
  pause(Side::client);
  want_upstream();
}

void Relay::tunnel(stand::Tunnelling& here) {
  const auto opening = std::move(here.opening);
  Bytes first(opening->rest().begin(), opening->rest().end());
  append(first, here.early);
  write(Side::client, opening->connected());
  const auto rule = here.rule;
  auto& next = state_.emplace<stand::Peeking>(stand::Peeking{rule});
  resume(Side::client);
  if (!first.empty()) peek(next, first);
}

void Relay::peek(stand::Peeking& here, std::span<const unsigned char> bytes) {
  if (here.held.empty()) {
    const auto begins = witness_.begins(bytes);
    if (begins == Begins::unclear) return;
    here.plain = begins == Begins::plain;
    here.held = witness_.take_first();
    bytes = here.held;
  } else {
    append(here.held, bytes);
  }
  if (!here.plain) return peek_tls(here, bytes);
  hear_plain(bytes);
  facts_.way == Way::direct ? peek_host_field(here, bytes) : speak_plain(here);
}

void Relay::peek_host_field(stand::Peeking& here, std::span<const unsigned char> bytes) {
  if (!here.host_field) here.host_field = host_field_opening(facts_.port);
  const auto state = here.host_field->feed(bytes);
  if (state == Opening::State::more) return;
  if (state == Opening::State::bad) {
    write(Side::client, here.host_field->answer());
    return turn_away("neither TLS nor a request that says where it goes");
  }
  connect_host_ = facts_.host = here.host_field->host();
  speak_plain(here);
}

void Relay::peek_tls(stand::Peeking& here, std::span<const unsigned char> bytes) {
  try {
    if (!here.tls) here.tls = std::make_unique<Connection>(settings_->server, facts_.seen);
  } catch (const Error& error) {
    return end(error.what());  // nothing may be thrown across the loop
  }
  decrypt(*here.tls, bytes);
  if (here.tls->over()) {
    write(Side::client, here.tls->take_output());
    return turn_away("no ClientHello: " + facts_.seen.failure);
  }
  if (facts_.seen.hello) return ask(here);
  if (here.held.size() > kMaxHello) end("a ClientHello that never ends");
}

void Relay::ask(stand::Peeking& here) {
  const auto& sni = facts_.seen.hello->sni;
  if (!sni.empty()) facts_.host = plain_host(sni);
  if (connect_host_.empty()) connect_host_ = facts_.host;
  if (connect_host_.empty()) return end("no server name in the ClientHello: nobody knows where it wants to go");
  if (!names_host(facts_.host)) return end("the server name in the ClientHello is none that a host can have");
  state_ = stand::Asked{std::move(here.held), std::move(here.tls)};
  pause(Side::client);
  pause(Side::upstream);
  start_timer(settings_->patience);
  actions_.emplace_back(act::Ask{});
}

Question Relay::question() const {
  return {facts_.id, facts_.way, facts_.client, facts_.host, facts_.port, *facts_.seen.hello};
}

void Relay::speak_plain(stand::Peeking& here) {
  stop_timer();
  state_ = stand::ToSpeak{here.rule, std::move(here.held)};
  pause(Side::client);
  want_upstream();
}

void Relay::pass(const std::string& label) {
  auto* here = std::get_if<stand::Asked>(&state_);
  if (here == nullptr) return;
  stop_timer();
  facts_.condition = label;
  state_ = stand::ToPass{std::move(here->held)};
  want_upstream();
}

void Relay::stage(const std::string& label, std::shared_ptr<const Credential> credential,
                  std::chrono::milliseconds hold) {
  auto* here = std::get_if<stand::Asked>(&state_);
  if (here == nullptr) return;
  stop_timer();
  facts_.condition = facts_.seen.credential = label;
  before_tls_ = line(Side::client).queued;
  state_ = stand::ToStage{std::move(here->tls), std::move(credential), hold};
  want_upstream();
}

// --- the upstream's connection ---------------------------------------------------------------------------------

/// Goes on, now or when there is a connection; without one the client is told, and this relay ends.
void Relay::want_upstream() {
  switch (link_) {
    case Link::none:
      link_ = Link::wanted;
      actions_.emplace_back(act::Connect{connect_host_, facts_.port});
      return;
    case Link::wanted:
      return;
    case Link::there:
      resume(Side::upstream);
      return go_on();
    case Link::failed:
      return no_upstream();
  }
}

void Relay::connected(const std::string& address) {
  link_ = Link::there;
  facts_.upstream_address = address;
  if (std::holds_alternative<stand::Asked>(state_)) pause(Side::upstream);
  go_on();
}

void Relay::go_on() {
  std::visit(Match{
                 [&](stand::Tunnelling& here) { tunnel(here); }, [&](stand::ToPass& here) { begin_passing(here); },
                 [&](stand::ToStage& here) { begin_relaying(here); }, [&](stand::ToSpeak& here) { begin_plain(here); },
                 [](auto&) {},  // it was connected in advance
             },
             state_);
}

void Relay::not_connected(const std::string& failure) {
  link_ = Link::failed;
  facts_.upstream_failure = failure;
  const bool awaited = std::visit(Match{
                                      [](stand::Tunnelling&) { return true; },
                                      [](stand::ToPass&) { return true; },
                                      [](stand::ToStage&) { return true; },
                                      [](stand::ToSpeak&) { return true; },
                                      // It was to be made in advance: the ClientHello tells more than its failure.
                                      [](auto&) { return false; },
                                  },
                                  state_);
  if (awaited) no_upstream();
}

void Relay::no_upstream() {
  facts_.failure = "no connection to the upstream";
  if (auto* here = std::get_if<stand::Tunnelling>(&state_)) {
    write(Side::client, here->opening->not_connected(facts_.upstream_failure));
  }
  refuse_client("");
}

void Relay::begin_plain(stand::ToSpeak& here) {
  const auto rule = here.rule;
  auto held = std::move(here.held);
  facts_.plaintext_forwarded = true;
  state_ = stand::Plain{rule};
  forward_plain(rule, held.size(), [&](std::size_t size) {
    held.resize(size);
    write(Side::upstream, std::move(held));
  });
  if (flows()) resume(Side::client);
}

void Relay::begin_passing(stand::ToPass& here) {
  auto held = std::move(here.held);
  state_.emplace<stand::Passing>().watcher.from_client(held);
  write(Side::upstream, std::move(held));
  resume(Side::client);
}

void Relay::begin_relaying(stand::ToStage& here) {
  start_timer(settings_->handshake);
  try {
    auto up = std::make_unique<ClientConnection>(settings_->client, facts_.host, facts_.seen.hello->alpn);
    up->receive({});
    state_ = stand::Relaying{std::move(here.tls), std::move(up), std::move(here.credential), here.hold};
  } catch (const Error& error) {
    return refuse_client(error.what());
  }
  flush(std::get<stand::Relaying>(state_));
}

}  // namespace pindrill

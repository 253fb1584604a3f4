#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "relay_parts.h"
#include "witness.h"

namespace pindrill {

/// Decides what becomes of one client's connection and of the upstream's that belongs to it: events in, actions out.
/// No socket, no thread. The theory of it is at the head of relay.cpp.
class Relay {
 public:
  Relay(std::shared_ptr<const RelaySettings> settings, const Arrival& arrival);
  Relay(const Relay&) = delete;  // the engines keep a reference to the facts
  Relay& operator=(const Relay&) = delete;

  // --- events: each may bring actions ---
  /// The client is heard from now on. What it had said already may have come before.
  void start();
  void came(Side from, std::span<const unsigned char> bytes);
  /// `total` octets since the start are in the kernel, `waiting` are not.
  void written(Side to, std::uint64_t total, std::size_t waiting);
  /// That side sends no more. A reset may follow on a FIN.
  void ended(Side side, Ended how);
  void connected(const std::string& address);
  void not_connected(const std::string& failure);
  void timed_out();
  /// Decisions. Without effect when nothing is asked any more.
  void pass(const std::string& label);
  void stage(const std::string& label, std::shared_ptr<const Credential> credential, std::chrono::milliseconds hold);
  /// Closes both sides, whatever was going on.
  void end(const std::string& failure, const std::string& of_upstream = "");

  /// What is to be done now, in this order, each once.
  std::vector<Action> take_actions() { return std::exchange(actions_, {}); }

  Question question() const;
  /// What is known so far, without the plaintext.
  const Contact& facts() const noexcept { return facts_; }
  /// Everything, once it is over.
  Contact take_facts();
  bool over() const noexcept { return std::holds_alternative<stand::Over>(state_); }

 private:
  enum class Link { none, wanted, there, failed };
  /// One side's connection, as far as it matters here.
  struct Line {
    std::uint64_t queued = 0;  ///< octets for it, so far
    std::size_t waiting = 0;   ///< of them, not yet in the kernel when it was last told
    bool paused = false;
    bool finished = false;  ///< by us
    bool done = false;      ///< it sends no more
  };

  void from_client(std::span<const unsigned char> bytes);
  void from_upstream(std::span<const unsigned char> bytes);
  void client_ended(Ended how);
  void upstream_ended(Ended how);

  void open(stand::Opened& here, std::span<const unsigned char> bytes);
  void tunnel(stand::Tunnelling& here);
  void peek(stand::Peeking& here, std::span<const unsigned char> bytes);
  void peek_tls(stand::Peeking& here, std::span<const unsigned char> bytes);
  void peek_host_field(stand::Peeking& here, std::span<const unsigned char> bytes);
  void hear_server_first(stand::Peeking& here, std::span<const unsigned char> bytes);
  void ask(stand::Peeking& here);
  void want_upstream();
  void go_on();
  void no_upstream();

  void speak_plain(stand::Peeking& here);
  void begin_plain(stand::ToSpeak& here);
  void forward_plain(const stand::PlainRule& rule, std::size_t size, const std::function<void(std::size_t)>& send);
  void second_request();
  void hear_plain_answer(stand::Plain& here, std::span<const unsigned char> bytes);
  void begin_passing(stand::ToPass& here);
  void begin_relaying(stand::ToStage& here);
  bool show(stand::Relaying& here);
  void relay_up(stand::Relaying& here, std::span<const unsigned char> bytes);
  void relay_down(stand::Relaying& here, std::span<const unsigned char> bytes);
  void send_down(stand::Relaying& here, std::span<const unsigned char> data);
  void hold_the_answer(stand::Relaying& here);
  void flush(stand::Relaying& here);

  void hear_plain(std::span<const unsigned char> data);
  Bytes decrypt(Connection& tls, std::span<const unsigned char> bytes);
  void keep(std::span<const unsigned char> data);

  Line& line(Side side) noexcept { return lines_[side == Side::client ? 0 : 1]; }
  const Line& line(Side side) const noexcept { return lines_[side == Side::client ? 0 : 1]; }
  bool there(Side side) const noexcept { return side == Side::client || link_ == Link::there; }
  void write(Side to, Bytes bytes);
  void write(Side to, const std::string& text) { write(to, Bytes(text.begin(), text.end())); }
  void forward(Side to, std::size_t size);
  void pause(Side side);
  void resume(Side side);
  void finish(Side side);
  void start_timer(std::chrono::milliseconds time) { actions_.emplace_back(act::StartTimer{time}); }
  void stop_timer() { actions_.emplace_back(act::StopTimer{}); }

  /// The client's TLS engine, where there is one.
  std::unique_ptr<Connection>* engine();
  bool flows() const noexcept;
  bool may_read(Side side) const;
  void turn_away(const std::string& failure);
  void refuse_client(const std::string& failure);
  void cut(const std::string& failure);
  void wait_for_the_end();
  void over_when_written();
  void close();

  std::shared_ptr<const RelaySettings> settings_;
  Contact facts_;
  Witness witness_{facts_.seen};
  Bytes plaintext_;
  std::string connect_host_;  ///< where the upstream's connection goes; facts_.host may be another name for it
  std::variant<stand::Opened, stand::Tunnelling, stand::Peeking, stand::Asked, stand::ToPass, stand::ToStage,
               stand::ToSpeak, stand::Plain, stand::Passing, stand::Relaying, stand::Ending, stand::Over>
      state_;
  Link link_ = Link::none;
  Line lines_[2];
  std::uint64_t before_tls_ = 0;  ///< so many octets for the client were a proxy's answers
  std::vector<Action> actions_;
};

}  // namespace pindrill

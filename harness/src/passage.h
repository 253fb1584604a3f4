#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "relay.h"

namespace pindrill {

class Passage;

/// What a connection is to the one who made it: its own end, and where it went. One end alone is not enough: the kernel
/// gives a port to several connections that go to different places.
struct Ends {
  Endpoint from;
  Endpoint to;

  auto operator<=>(const Ends&) const = default;
};

/// What the passages of one interceptor share. To be used on the loop's thread only.
struct PassageContext {
  Loop& loop;
  Route route;
  std::shared_ptr<const RelaySettings> settings;
  std::function<void(Question)> ask = {};
  std::function<void(std::uint64_t id)> ended = {};
  /// Connections that came here, and those made from here: one that is both is a loop, whatever address it went by.
  std::map<Ends, std::weak_ptr<Passage>> came = {};
  std::map<Ends, std::weak_ptr<Passage>> made = {};
};

/// Where connections of one listener come from and go to.
struct Entrance {
  Way way = Way::proxy;
  std::optional<std::pair<std::string, std::uint16_t>> upstream = {};
};

/// A relay with its sockets and its timer: tells it what happens, and does what it says. Decides nothing.
class Passage : public std::enable_shared_from_this<Passage> {
 public:
  Passage(std::shared_ptr<PassageContext> context, std::shared_ptr<Stream> client, const Entrance& entrance,
          std::uint64_t id);

  void start();
  void pass(const std::string& label);
  void stage(const std::string& label, const std::shared_ptr<const Credential>& credential,
             std::chrono::milliseconds hold);
  /// Closes both sides now.
  void end(const std::string& failure);
  /// Its upstream is this interceptor.
  void end_loop();
  /// It comes from this interceptor: nobody's contact.
  void discard();
  bool discarded() const noexcept { return discarded_; }
  /// What is known so far, without the plaintext.
  const Contact& facts() const noexcept { return relay_.facts(); }
  /// Everything, once it is over.
  Contact take_facts() { return relay_.take_facts(); }

 private:
  class Ear;

  /// Does what the relay says since an event, which brought `bytes`.
  void act(std::span<const unsigned char> bytes = {});
  void perform(const Action& action, std::span<const unsigned char> bytes);
  void connect_to(const act::Connect& where);
  void connected(std::shared_ptr<Stream> stream);
  void not_connected(const std::string& failure);
  void start_timer(std::chrono::milliseconds time);
  void close();
  const std::shared_ptr<Stream>& stream(Side side) const { return side == Side::client ? client_ : upstream_; }

  std::shared_ptr<PassageContext> context_;
  std::shared_ptr<Stream> client_;
  std::shared_ptr<Stream> upstream_;
  Ends came_;
  Ends made_;
  Relay relay_;
  std::unique_ptr<Timer> timer_;
  std::uint64_t timers_ = 0;  ///< started so far: one that ran out before it was stopped may still call
  bool acting_ = false;
  bool discarded_ = false;
};

}  // namespace pindrill

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "opening.h"
#include "pindrill/interceptor.h"
#include "record_watcher.h"

namespace pindrill {

enum class Side { client, upstream };

/// So many octets that one side does not take, and the other is read no more.
inline constexpr std::size_t kHighWater = 256 * 1024;
/// Why a connection to the proxy ends that goes on to another server.
inline constexpr const char* kSecondRequest = "a second plain request on a connection to the proxy was not forwarded";

/// What the relays of one interceptor share.
struct RelaySettings {
  std::chrono::milliseconds patience = {};   ///< for a whole ClientHello, and for a decision
  std::chrono::milliseconds handshake = {};  ///< for the upstream's part of it
  std::size_t kept_plaintext = 0;
  std::shared_ptr<const ServerContext> server = {};
  std::shared_ptr<const ClientContext> client = {};
  /// Readable bytes that are kept, of live relays and of contacts that nobody has taken yet.
  std::shared_ptr<std::atomic<std::size_t>> kept = std::make_shared<std::atomic<std::size_t>>(0);
};

/// A client that has come, and what is known without a word of it: "" and 0 where only it can say.
struct Arrival {
  std::uint64_t id = 0;
  Way way = Way::proxy;
  std::string client = {};  ///< address
  std::string host = {};
  std::uint16_t port = 0;
};

/// What a relay wants done.
namespace act {

struct Write {
  Side to;
  Bytes bytes;
};
/// Writes the first octets of those that the event brought: what only passes by is not copied.
struct Forward {
  Side to;
  std::size_t size;
};
/// Reads nothing from that side until it is resumed.
struct Pause {
  Side side;
};
struct Resume {
  Side side;
};
/// FIN, once everything is written.
struct Finish {
  Side side;
};
struct Reset {
  Side side;
};
/// Is answered by `connected` or `not_connected`.
struct Connect {
  std::string host;
  std::uint16_t port;
};
/// Is answered by `timed_out`, unless it is started again or stopped before.
struct StartTimer {
  std::chrono::milliseconds time;
};
struct StopTimer {};
/// Is answered by `pass` or `stage`, whenever.
struct Ask {};
/// Both sides, at once. The last of all actions.
struct Close {};

}  // namespace act

using Action = std::variant<act::Write, act::Forward, act::Pause, act::Resume, act::Finish, act::Reset, act::Connect,
                            act::StartTimer, act::StopTimer, act::Ask, act::Close>;

/// Where a relay stands. Each state owns what is of use in it and no longer.
namespace stand {

/// Of plain requests to a proxy only the first goes on: it was the one that named this server.
struct PlainRule {
  bool one_request = false;
  bool upgrades = false;  ///< it asks for another protocol, and is not answered yet
};

/// The client speaks to the proxy that we are.
struct Opened {
  std::unique_ptr<Opening> opening;
};
/// It named its server, which is being connected.
struct Tunnelling {
  std::unique_ptr<Opening> opening;
  PlainRule rule;
  Bytes early = {};
};
/// It speaks to its server: in which language, and, where that is not known yet, to which?
struct Peeking {
  PlainRule rule = {};
  bool plain = false;
  Bytes held = {};  ///< all so far, as soon as it is known what they begin
  std::unique_ptr<Connection> tls = {};
  std::unique_ptr<Opening> host_field = {};
};
/// Its ClientHello is there, and what to do is asked.
struct Asked {
  Bytes held;
  std::unique_ptr<Connection> tls;
};
/// It was decided, and there is no upstream yet; three ways to go on.
struct ToPass {
  Bytes held;
};
struct ToStage {
  std::unique_ptr<Connection> tls;
  std::shared_ptr<const Credential> credential;
  std::chrono::milliseconds hold;
};
struct ToSpeak {
  PlainRule rule;
  Bytes held;
};
/// Plain text in both directions.
struct Plain {
  PlainRule rule = {};
  std::string answer_start = {};  ///< while `rule.upgrades`
};
/// TLS of the client and the server with each other.
struct Passing {
  RecordWatcher watcher = {};
};
/// TLS of the client with us, and of us with the server.
struct Relaying {
  std::unique_ptr<Connection> tls;
  std::unique_ptr<ClientConnection> up;
  std::shared_ptr<const Credential> credential;  ///< until the server is known to be genuine
  std::chrono::milliseconds hold;                ///< how long the answer is to wait; 0 once it did
  bool answer_held = false;
  Bytes held_down = {};  ///< of the upstream, until the client's handshake is through
};
/// Everything was said: the client's own end is still worth knowing, for a while.
struct Ending {
  std::unique_ptr<Connection> tls;
};
struct Over {};

}  // namespace stand

/// A visitor: one answer for each state, or action, that is of interest.
template <typename... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Match(Cases...) -> Match<Cases...>;

}  // namespace pindrill

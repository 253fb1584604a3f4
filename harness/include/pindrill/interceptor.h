#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pindrill/server.h"
#include "pindrill/tls_client.h"

namespace pindrill {

/// How a client comes to the interceptor.
enum class Way {
  proxy,        ///< HTTP CONNECT, and plain requests in absolute form (RFC 9112 section 3.2)
  socks,        ///< SOCKS 5 (RFC 1928), without authentication
  reverse,      ///< one fixed upstream
  direct,       ///< names resolve to us; the SNI or the Host field says where to go
  transparent,  ///< the packet filter redirects connections to us
};

struct InterceptorOptions {
  Route route = {};
  std::string upstream_trust = {};  ///< a PEM file that upstream certificates are verified with; "": the system's store
  std::vector<std::string> clients = {"127.0.0.0/8", "::1"};      ///< networks that are served, nobody else
  std::chrono::milliseconds patience = std::chrono::seconds(30);  ///< for a whole ClientHello, and for a decision
  std::size_t kept_plaintext = 64 * 1024;  ///< readable bytes of a client that are handed over with its contact
  std::size_t max_connections = 20'000;
  std::string key_log_file = {};
};

/// A ClientHello that waits for `pass` or `stage`.
struct Question {
  std::uint64_t id = 0;
  Way way = Way::proxy;
  std::string client = {};  ///< address
  std::string host = {};    ///< the SNI, else the name or address that the client asked for; lower case
  std::uint16_t port = 0;
  ClientHello hello = {};
};

/// The facts about one connection that came to the interceptor.
struct Contact {
  std::uint64_t id = 0;
  Way way = Way::proxy;
  std::string client = {};
  std::string host = {};
  std::uint16_t port = 0;
  std::string condition = {};  ///< the label that was answered; "" when it never came to that
  Observation seen = {};       ///< `response_sent_at`: the first bytes of the answer were in the kernel
  bool plaintext_forwarded = false;
  std::string upstream_address = {};
  std::string upstream_failure = {};
  Nanoseconds upstream_ended_at = 0;  ///< if it was before the client ended
  std::uint64_t upstream_bytes = 0;   ///< of the upstream, decrypted where we decrypt
  std::string passed_version = {};    ///< when passed through: the TLS version that the server chose
  std::vector<std::uint16_t> passed_records =
      {};  ///< when passed through: sizes of the client's first records of type 23
  std::string failure = {};
  Bytes plaintext = {};
};

/// Stands between clients and their servers: passes connections through untouched, or shows a credential of ours
/// and relays what is said. Asks about every ClientHello, and reports every connection. Judges nothing. Methods may
/// be called from any thread but the loop's.
class Interceptor {
 public:
  Interceptor(Loop& loop, const InterceptorOptions& options);
  ~Interceptor();  ///< ends its connections
  Interceptor(const Interceptor&) = delete;
  Interceptor& operator=(const Interceptor&) = delete;

  /// Opens a way in and returns its port; port 0 takes a free one. `upstream` is for Way::reverse only.
  std::uint16_t listen(Way way, const std::string& address, std::uint16_t port,
                       const std::optional<std::pair<std::string, std::uint16_t>>& upstream = std::nullopt);

  using Event = std::variant<Question, Contact>;
  /// The next event, nothing at the timeout.
  std::optional<Event> next(std::chrono::nanoseconds timeout);
  /// Answers to a question. Without effect when the connection has ended meanwhile. Error{input}: nothing to show.
  void pass(std::uint64_t id, const std::string& label);
  /// `hold`: how long the upstream's answer waits at least once the client has spoken, and longer where the client is
  /// slow. A client that checks too late leaves meanwhile, and does not look like one that takes the answer.
  void stage(std::uint64_t id, const std::string& label, std::shared_ptr<const Credential> credential,
             std::chrono::milliseconds hold = {});

  /// The facts so far of connections that have not ended, without their plaintext.
  std::vector<Contact> open() const;
  /// Ends what is open; the contacts come as events.
  void end_all();
  /// How many connections came from clients that are not served.
  std::size_t denied() const noexcept;
  /// How many were closed at once because there were too many, of connections or of events that nobody took: nothing
  /// is known about them.
  std::size_t turned_away() const noexcept;

  /// The chain that a genuine server shows, verified. Error{system} says why there is none.
  std::vector<Certificate> fetch_chain(const std::string& host, std::uint16_t port);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace pindrill

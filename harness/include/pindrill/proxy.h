#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pindrill/net.h"
#include "pindrill/observation.h"
#include "pindrill/tls.h"

namespace pindrill {

/// What clients say to a proxy.
enum class ProxyLanguage {
  http,   ///< CONNECT, and plain requests in absolute form (RFC 9112 section 3.2)
  socks,  ///< SOCKS 5 (RFC 1928), without authentication
};

struct ProxyOptions {
  ProxyLanguage language = ProxyLanguage::http;
  std::map<std::string, std::string> hosts = {};  ///< names that it knows, and their addresses; it resolves no others
  /// With a context the proxy itself is spoken to over TLS, and shows this credential under this label.
  std::shared_ptr<const ServerContext> context = {};
  std::shared_ptr<const Credential> credential = {};
  std::string label = {};
  std::chrono::milliseconds patience = std::chrono::seconds(30);  ///< for an opening, and for the end after a refusal
  std::size_t max_connections = 20'000;
};

/// The facts about one connection that came to a proxy: the client's leg, and where it led.
struct ProxyLeg {
  /// What the proxy itself could read: `secrets` stood in an opening, in a plain request, or behind a refusal;
  /// `plain_secrets` on the socket of a TLS connection with the proxy. What went through a tunnel is none of it.
  Observation seen = {};
  std::string host = {};  ///< that was asked for, lower case; "" when it never came to that
  std::uint16_t port = 0;
  bool asked_for_tunnel = false;  ///< by CONNECT, or SOCKS; false as well for a plain request in absolute form
  bool connected = false;         ///< the tunnel stood
  /// Request secrets that stood as they are in what the client sent through the tunnel.
  std::vector<std::string> tunnel_secrets = {};
  std::uint64_t tunnel_bytes_up = 0;
  std::uint64_t tunnel_bytes_down = 0;
  std::string failure = {};  ///< why there was no tunnel
  /// Why the proxy had no connection to the server that it was to lead to: nothing that the client did.
  std::string connect_failure = {};
};

/// A proxy on the way to servers of ours. It leads nowhere else, observes everything and judges nothing. Plain requests
/// are observed and refused. Methods may be called from any thread but the loop's.
class Proxy {
 public:
  Proxy(Loop& loop, const std::string& address, std::uint16_t port, const ProxyOptions& options);
  ~Proxy();  ///< ends its connections
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::uint16_t port() const noexcept;
  /// From now on tunnels may lead there.
  void lead_to(const Endpoint& server);
  void lead_no_more_to(const Endpoint& server);
  /// Waits until nothing waits to be accepted, and every connection has ended that leads to this port, or of which it
  /// is not known yet where it leads. False at the timeout.
  bool settle(std::uint16_t port, std::chrono::nanoseconds timeout);
  /// The facts of those that have ended, each once, and of those that have not, so far.
  std::vector<ProxyLeg> take();
  /// How many connections were closed at once because there were too many: nothing is known about them.
  std::size_t turned_away() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  Loop& loop_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace pindrill

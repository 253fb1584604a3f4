#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pindrill/net.h"
#include "pindrill/observation.h"
#include "pindrill/tls.h"

namespace pindrill {

/// What later connections meet.
struct Shown {
  std::string label;  ///< noted in their observations
  std::shared_ptr<const Credential> credential;
  std::string response;       ///< a whole HTTP/1.1 response, sent once a whole request is there
  bool takes_tickets = true;  ///< false: whoever wants to resume a session is shown the credential all the same
};

/// A TLS server that observes everything and judges nothing. Plain-text requests on its port are observed and
/// answered as well. Methods may be called from any thread but the loop's.
class Server {
 public:
  Server(Loop& loop, const std::string& address, std::uint16_t port, std::shared_ptr<const ServerContext> context,
         Shown shown);
  ~Server();  ///< ends its connections
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const noexcept;
  /// For connections accepted from now on; those that wait in the kernel's queue still meet the former.
  void serve(Shown shown);
  /// Waits until nothing waits to be accepted and every connection has ended. False at the timeout.
  bool settle(std::chrono::nanoseconds timeout);
  std::vector<Observation> observations() const;
  /// How many connections there were so far.
  std::size_t connections() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  Loop& loop_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace pindrill

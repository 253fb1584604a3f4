#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pindrill {

/// What a client says to a proxy before it speaks to its server. Fed with bytes in pieces of any size.
class Opening {
 public:
  enum class State {
    more,     ///< not yet complete
    connect,  ///< a tunnel to `host` and `port` is wanted
    forward,  ///< a plain request for them is in `rest`
    bad,      ///< `answer` says why, in the proxy's protocol
  };

  virtual ~Opening() = default;
  virtual State feed(std::span<const unsigned char> bytes) = 0;
  /// Bytes for the client, each once.
  virtual std::string answer() = 0;
  /// What to say once it is known whether there is a connection.
  virtual std::string connected() const = 0;
  virtual std::string not_connected(const std::string& why) const = 0;
  /// The same where none is even tried.
  virtual std::string refused(const std::string& why) const = 0;

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  /// A plain request that asks for another protocol on the same connection.
  bool upgrades() const noexcept { return upgrades_; }
  /// What belongs to the server.
  const std::string& rest() const noexcept { return rest_; }

 protected:
  std::string host_;
  std::uint16_t port_ = 0;
  std::string rest_;
  bool upgrades_ = false;
};

/// CONNECT, or a request in absolute form (RFC 9112 section 3.2), which is rewritten to origin form.
std::unique_ptr<Opening> http_proxy_opening();
/// A plain request in origin form: its Host field says where it goes, at `port` if it names none.
std::unique_ptr<Opening> host_field_opening(std::uint16_t port);
/// SOCKS 5 (RFC 1928).
std::unique_ptr<Opening> socks_opening();

/// Lower case, without brackets and trailing dot.
std::string plain_host(std::string_view host);

}  // namespace pindrill

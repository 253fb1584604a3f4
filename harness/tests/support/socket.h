#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "support/tls_client.h"

namespace pindrill::test {

enum class SocketEnd { fin, reset, timeout };

/// A blocking loopback socket. Waits end after 20 seconds, so that a broken test ends as well.
class Socket {
 public:
  explicit Socket(std::uint16_t port);
  explicit Socket(const struct Accepted& accepted);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(std::string_view text);
  /// Something, or "" at the end.
  std::string receive();
  /// Everything up to the end.
  std::string read_all();
  SocketEnd end() const { return end_; }
  void finish();  ///< FIN; reading goes on
  void reset();   ///< RST
  void close();

 private:
  int fd_;
  SocketEnd end_ = SocketEnd::timeout;
};

struct Accepted {
  int fd;
};

/// A listening loopback socket whose owner takes connections one by one.
class Doorstep {
 public:
  Doorstep();
  ~Doorstep();
  Doorstep(const Doorstep&) = delete;
  Doorstep& operator=(const Doorstep&) = delete;

  std::uint16_t port() const;
  Socket accept();

 private:
  int fd_;
};

/// Carries a client's handshake over a socket; false when either end gave up.
bool handshake(TlsClient& client, Socket& socket);

/// What the server sends to `client` until it ends the connection.
std::string read_all(TlsClient& client, Socket& socket);

/// Polls `condition` until it holds; false after 20 seconds. Only for what announces itself in no other way.
bool eventually(const std::function<bool()>& condition);

}  // namespace pindrill::test

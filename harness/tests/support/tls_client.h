#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/pki.h"
#include "pindrill/tls.h"
#include "support/hierarchy.h"

namespace pindrill::test {

struct ClientOptions {
  int version = TLS1_3_VERSION;
  std::string host = kHost;
  std::vector<std::string> alpn = {};
  std::optional<Certificate> trust = {};       ///< none: anything is accepted
  std::optional<Credential> certificate = {};  ///< to authenticate with
  SSL_SESSION* session = nullptr;              ///< to resume
};

/// OpenSSL's own client on memory buffers: bytes in, bytes out.
class TlsClient {
 public:
  explicit TlsClient(const ClientOptions& options);

  void receive(std::span<const unsigned char> bytes);
  Bytes take_output();
  /// True once the handshake is through.
  bool handshake();
  void send(std::string_view text);
  void send_early(std::string_view text);
  /// What the server sent, as far as it has arrived.
  std::string read();
  void close() { SSL_shutdown(ssl_.get()); }
  SSL* get() const { return ssl_.get(); }

 private:
  OsslPtr<SSL_CTX> context_;
  OsslPtr<SSL> ssl_;
};

/// Carries bytes between both until neither has any; true when the client's handshake is through.
bool exchange(TlsClient& client, Connection& server);

std::span<const unsigned char> bytes_of(std::string_view text);
std::string text_of(const Bytes& bytes);

}  // namespace pindrill::test

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pindrill/pki.h"

namespace pindrill {

/// The settings of TLS clients that verify their server. Immutable and shared by connections.
class ClientContext {
 public:
  /// Trusts the certificates of a PEM file, or the system's store ("").
  explicit ClientContext(const std::string& trust_file);

  SSL_CTX* get() const noexcept { return context_.get(); }

 private:
  OsslPtr<SSL_CTX> context_;
};

/// The client's end of one TLS connection: bytes in, bytes out. No socket. A server that cannot be verified for
/// the host ends it with `failure`.
class ClientConnection {
 public:
  /// Error{input} when nothing could be verified for that host.
  ClientConnection(std::shared_ptr<const ClientContext> context, const std::string& host,
                   const std::vector<std::string>& alpn);

  /// Bytes from the server, none to begin. Never throws for what a peer sends.
  void receive(std::span<const unsigned char> bytes);
  /// Bytes for the server, each once.
  Bytes take_output();
  /// Readable application data, each byte once.
  Bytes take_data();
  void send(std::span<const unsigned char> data);
  /// Sends close_notify, once.
  void close();

  bool established() const noexcept { return established_; }
  /// The server sent close_notify.
  bool closed() const noexcept { return closed_; }
  /// A fatal error; `failure` says which.
  bool over() const noexcept { return !failure_.empty(); }
  const std::string& failure() const noexcept { return failure_; }

  /// What was agreed; "" for none.
  std::string alpn() const;
  std::string version() const;
  /// As the server sent it, leaf first; also of a server that was not verified.
  std::vector<Certificate> chain() const;

 private:
  void read();
  void fail(const char* doing);

  std::shared_ptr<const ClientContext> context_;
  OsslPtr<SSL> ssl_;
  Bytes data_;
  std::string failure_;
  bool established_ = false;
  bool closed_ = false;
  bool slim_ = false;
};

}  // namespace pindrill

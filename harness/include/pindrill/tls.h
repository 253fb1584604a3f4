#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pindrill/observation.h"
#include "pindrill/pki.h"

namespace pindrill {

struct TlsOptions {
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  std::vector<std::string> alpn = {"http/1.1"};
  bool tickets = false;  ///< off, since a resumed session may skip the pin check; their keys are the context's own
  bool request_client_certificate = false;
  std::uint32_t max_early_data = 0;
  std::string key_log_file = {};  ///< appended to in NSS key log format; "" writes nothing
};

/// The settings of a TLS server. Immutable and shared by its connections; a credential is given per connection.
class ServerContext {
 public:
  explicit ServerContext(const TlsOptions& options);
  ServerContext(const ServerContext&) = delete;  // OpenSSL keeps a pointer to the options
  ServerContext& operator=(const ServerContext&) = delete;

  SSL_CTX* get() const noexcept { return context_.get(); }
  const TlsOptions& options() const noexcept { return options_; }

 private:
  TlsOptions options_;
  OsslPtr<SSL_CTX> context_;
};

class UnreadRecords;

/// The server's end of one TLS connection: bytes in, facts and bytes out. No socket.
class Connection {
 public:
  /// Notes what happens in `facts`, which must outlive the connection. Waits after the ClientHello for `show`.
  Connection(std::shared_ptr<const ServerContext> context, Observation& facts);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// What the client is to meet; before or after its ClientHello came, once. Error when it cannot be used.
  void show(std::shared_ptr<const Credential> credential);
  /// The same, answering with this application protocol instead of the context's first common one ("": none).
  void show(std::shared_ptr<const Credential> credential, const std::string& alpn);
  /// Instead of `show`: ends the handshake with alert internal_error, before any certificate.
  void refuse();
  /// Takes no ticket, so that the client is shown the credential. Before `show`.
  void decline_tickets() noexcept { declines_tickets_ = true; }
  /// Bytes from the client. Never throws for what a peer sends.
  void receive(std::span<const unsigned char> bytes);
  /// Bytes for the client, each once.
  Bytes take_output();
  /// `total` bytes of what was taken are in the kernel.
  void written(std::uint64_t total);
  /// Readable application data, each byte once.
  Bytes take_data();
  void send(std::span<const unsigned char> data);
  /// Sends close_notify.
  void close();
  bool established() const noexcept { return established_; }
  /// No more can come of it: a fatal error, or both sides closed.
  bool over() const noexcept { return over_; }
  /// False: what still comes is counted only. An answer can be sent all the same, unless it is over.
  bool reads() const noexcept { return !unread_; }
  /// The application protocol to answer with, when it was given.
  const std::optional<std::string>& alpn() const noexcept { return alpn_; }

 private:
  static int on_client_hello(SSL* ssl, int* alert, void* self);
  static void on_message(int sent, int version, int type, const void* data, std::size_t size, SSL* ssl, void* self);
  static int on_new_ticket(SSL* ssl, void*);
  static SSL_TICKET_RETURN on_ticket(SSL* ssl, SSL_SESSION*, const unsigned char*, std::size_t,
                                     SSL_TICKET_STATUS status, void*);
  void message(bool sent, int type, std::span<const unsigned char> body);
  void sent_handshake(int type);
  void note_resumption();
  void advance();
  bool read_early_data();
  void handshake();
  void read();
  void fail(const char* doing);
  void read_no_further();

  std::shared_ptr<const ServerContext> context_;
  std::shared_ptr<const Credential> shown_;
  std::optional<std::string> alpn_;
  Observation& facts_;
  OsslPtr<SSL> ssl_;
  std::unique_ptr<UnreadRecords> unread_;  ///< from where its records can be read no further
  Bytes data_;
  std::uint64_t taken_ = 0;
  std::uint64_t flight_end_ = 0;
  bool flight_made_ = false;
  int record_type_ = 0;
  bool client_encrypts_ = false;
  bool server_encrypts_ = false;
  bool certificate_shown_ = false;
  bool early_data_done_ = false;
  bool established_ = false;
  bool over_ = false;
  bool slim_ = false;
  bool refused_ = false;
  bool declines_tickets_ = false;

  friend class ServerContext;
};

}  // namespace pindrill

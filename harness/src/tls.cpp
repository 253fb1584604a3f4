// A server's end of one TLS connection, on memory BIOs: octets are put in, facts are noted, octets, data and an end
// come out. OpenSSL runs only inside `receive`, `show`, `refuse`, `send` and `close`; it never sees a socket.
//
//   - The ClientHello callback makes the handshake wait (SSL_CLIENT_HELLO_RETRY) until `show` or `refuse`: nothing is
//     answered before. A resumption goes on without a certificate, so `flight_made_at` needs one that was sent.
//   - The message callback is where facts come from: it sees each handshake message, alert and record header, in both
//     directions, before OpenSSL judges it. What is an alert and whether it was encrypted is known there only.
//   - A flight is sent when the kernel has its last octet, not when it is encoded: `flight_end_` counts octets that
//     were taken out, and `written` compares.
//   - Early data is read before the handshake is through, and is data.
//   - close_notify does not end the reading: the receiver of such a connection could read on as well, so the flag is
//     taken back for as long as OpenSSL gives more. From there, as after a fatal error, `UnreadRecords` only counts.
//   - OpenSSL's error queue belongs to the thread: it is emptied before each entry, or SSL_get_error reads another
//     connection's error. Nothing that a peer sends is thrown; `failure` holds OpenSSL's words, as evidence.

#include "pindrill/tls.h"

#include <array>
#include <utility>

#include "buffers.h"
#include "client_hello.h"
#include "unread_records.h"

namespace pindrill {
namespace {

constexpr int kClientHello = 1;
constexpr int kServerHello = 2;
constexpr int kNewSessionTicket = 4;
constexpr int kServerHelloDone = 14;
constexpr int kCertificate = 11;
constexpr std::size_t kMaxAlerts = 64;  ///< a client that says goodbye without end must not fill the memory
constexpr int kFinished = 20;

/// Where a session began, as its tickets carry it: the number of a connection and the label of its credential.
std::string origin_of(std::uint64_t number, const std::string& label) { return std::to_string(number) + ' ' + label; }

/// For more bytes, or to be told what to show.
bool waits(int error) { return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_CLIENT_HELLO_CB; }

}  // namespace

Connection::Connection(std::shared_ptr<const ServerContext> context, Observation& facts)
    : context_(std::move(context)), facts_(facts), ssl_(owned(SSL_new(context_->get()), "make a TLS connection")) {
  SSL* ssl = ssl_.get();
  SSL_set_app_data(ssl, this);
  SSL_set_msg_callback_arg(ssl, this);
  attach_buffers(ssl);
  SSL_set_accept_state(ssl);
}

Connection::~Connection() = default;

void Connection::show(std::shared_ptr<const Credential> credential) {
  SSL* ssl = ssl_.get();
  check(SSL_use_certificate(ssl, credential->leaf().get()) == 1 && SSL_use_PrivateKey(ssl, credential->key.get()) == 1,
        "use a credential");
  for (std::size_t i = 1; i < credential->chain.size(); ++i) {
    check(SSL_add1_chain_cert(ssl, credential->chain[i].get()) == 1, "use a chain");
  }
  shown_ = std::move(credential);
  if (facts_.hello && !over_) advance();
}

void Connection::show(std::shared_ptr<const Credential> credential, const std::string& alpn) {
  alpn_ = alpn;
  show(std::move(credential));
}

void Connection::refuse() {
  refused_ = true;
  if (facts_.hello && !over_) advance();
}

int Connection::on_client_hello(SSL* ssl, int* alert, void*) {
  const auto* self = static_cast<Connection*>(SSL_get_app_data(ssl));
  if (self->refused_) {
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  return self->shown_ ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_RETRY;
}

void Connection::on_message(int sent, int version, int type, const void* data, std::size_t size, SSL*, void* self) {
  if (self == nullptr) return;
  auto& connection = *static_cast<Connection*>(self);
  const std::span body(static_cast<const unsigned char*>(data), size);
  if (version == SSL2_VERSION && sent == 0) {
    connection.facts_.hello = read_ssl2_client_hello(body);
  } else {
    connection.message(sent != 0, type, body);
  }
}

void Connection::message(bool sent, int type, std::span<const unsigned char> body) {
  if (body.empty()) return;
  if (type == SSL3_RT_HEADER) {
    record_type_ = body[0];
    // In TLS 1.3 it means nothing (RFC 8446 section 5); there the outer record type tells.
    if (record_type_ == SSL3_RT_CHANGE_CIPHER_SPEC && SSL_version(ssl_.get()) < TLS1_3_VERSION) {
      (sent ? server_encrypts_ : client_encrypts_) = true;
    }
  } else if (type == SSL3_RT_ALERT && body.size() >= 2) {
    const bool encrypted = sent ? server_encrypts_ || record_type_ == SSL3_RT_APPLICATION_DATA
                                : client_encrypts_ || record_type_ == SSL3_RT_APPLICATION_DATA;
    facts_.alerts.push_back({sent, body[0], body[1], encrypted, monotonic_now()});
    if (!sent && body[1] == SSL_AD_CLOSE_NOTIFY) facts_.close_notify = true;
  } else if (type == SSL3_RT_HANDSHAKE && sent) {
    sent_handshake(body[0]);
  } else if (type == SSL3_RT_HANDSHAKE && body[0] == kClientHello) {
    if (!facts_.hello) facts_.hello = read_client_hello(body);  // a second one answers a HelloRetryRequest
  } else if (type == SSL3_RT_HANDSHAKE && body[0] == kCertificate) {
    // An empty list is shorter: TLS 1.2 has 7 octets of it, TLS 1.3 has 8.
    facts_.client_certificate = body.size() > 8;
  }
}

void Connection::sent_handshake(int type) {
  if (type == kServerHello) {
    facts_.tls_version = SSL_get_version(ssl_.get());
    note_resumption();  // known before the client's Finished, which a client that refuses never sends
  } else if (type == kNewSessionTicket) {
    ++facts_.tickets_sent;
  }
  certificate_shown_ = certificate_shown_ || type == kCertificate;
  const bool tls13 = SSL_version(ssl_.get()) >= TLS1_3_VERSION;
  const int last = tls13 || facts_.resumed ? kFinished : kServerHelloDone;
  if (flight_made_ || type != last) return;
  flight_made_ = true;
  if (certificate_shown_) facts_.flight_made_at = monotonic_now();
}

void Connection::note_resumption() {
  facts_.resumed = SSL_session_reused(ssl_.get()) == 1;
  void* origin = nullptr;
  std::size_t size = 0;
  if (!facts_.resumed || SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl_.get()), &origin, &size) != 1 ||
      size == 0) {
    return;
  }
  const std::string text(static_cast<const char*>(origin), size);
  facts_.resumed_connection = std::stoull(text);
  facts_.resumed_from = text.substr(text.find(' ') + 1);
}

int Connection::on_new_ticket(SSL* ssl, void*) {
  const auto& facts = static_cast<const Connection*>(SSL_get_app_data(ssl))->facts_;
  // A ticket of a resumed connection goes on with its session.
  const auto origin = facts.resumed ? origin_of(facts.resumed_connection, facts.resumed_from)
                                    : origin_of(facts.number, facts.credential);
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), origin.data(), origin.size());
}

SSL_TICKET_RETURN Connection::on_ticket(SSL* ssl, SSL_SESSION*, const unsigned char*, std::size_t,
                                        SSL_TICKET_STATUS status, void*) {
  auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  const bool ours = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (ours && self.declines_tickets_) self.facts_.ticket_declined = true;
  if (!ours || self.declines_tickets_) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void Connection::receive(std::span<const unsigned char> bytes) {
  if (bytes.empty()) return;
  if (unread_) {
    unread_->feed(bytes);
    facts_.unread_bytes = unread_->bytes();
    return;
  }
  forget_errors();  // of others on this thread, which SSL_get_error would take for ours
  put_received(ssl_.get(), bytes);
  advance();
}

void Connection::advance() {
  const bool wait = !established_ && !read_early_data();
  if (!established_ && !wait) handshake();
  if (flight_made_ && flight_end_ == 0) {
    flight_end_ = taken_ + BIO_ctrl_pending(SSL_get_wbio(ssl_.get()));
  }
  if (established_ && !unread_) read();
}

bool Connection::read_early_data() {
  if (early_data_done_ || context_->options().max_early_data == 0) return true;
  std::array<unsigned char, 4096> buffer{};
  while (true) {
    std::size_t size = 0;
    const int result = SSL_read_early_data(ssl_.get(), buffer.data(), buffer.size(), &size);
    facts_.early_data_bytes += size;
    data_.insert(data_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
    if (result == SSL_READ_EARLY_DATA_SUCCESS) continue;
    if (result == SSL_READ_EARLY_DATA_FINISH) {
      early_data_done_ = true;
      return true;
    }
    if (!waits(SSL_get_error(ssl_.get(), 0))) fail("early data");
    return false;
  }
}

void Connection::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    if (!waits(SSL_get_error(ssl_.get(), result))) fail("handshake");
    return;
  }
  forget_errors();
  established_ = true;
  facts_.finished_at = monotonic_now();
  facts_.cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  facts_.alpn.assign(protocol, protocol + size);
}

void Connection::read() {
  auto stopped = read_all(ssl_.get(), data_);
  while (stopped == SSL_ERROR_ZERO_RETURN) {
    // The client's close_notify. Whoever wants to can read on, so what a client sends behind it is no secret.
    const auto left = BIO_ctrl_pending(SSL_get_rbio(ssl_.get()));
    const auto read = data_.size();
    SSL_set_shutdown(ssl_.get(), SSL_get_shutdown(ssl_.get()) & ~SSL_RECEIVED_SHUTDOWN);
    stopped = read_all(ssl_.get(), data_);
    const bool same = BIO_ctrl_pending(SSL_get_rbio(ssl_.get())) == left && data_.size() == read;
    if (stopped == SSL_ERROR_ZERO_RETURN && same) {
      // From OpenSSL 3.2 on, in TLS 1.3, this record stays in front for ever: the same alert was told once more.
      facts_.alerts.pop_back();
      return read_no_further();
    }
    if (facts_.alerts.size() > kMaxAlerts) return read_no_further();
  }
  if (stopped != SSL_ERROR_WANT_READ) return fail("read");
  if (!slim_) slim_ = slim_buffers(ssl_.get());
}

void Connection::fail(const char* doing) {
  over_ = true;
  facts_.failure = std::string(doing) + ": " + take_error_words();
  read_no_further();
}

void Connection::read_no_further() {
  unread_ = std::make_unique<UnreadRecords>();
  if (const auto rest = take_unread(ssl_.get()); !rest.empty()) receive(rest);
}

Bytes Connection::take_output() {
  auto bytes = take_written(ssl_.get());
  taken_ += bytes.size();
  return bytes;
}

void Connection::written(std::uint64_t total) {
  if (flight_end_ != 0 && total >= flight_end_ && facts_.flight_sent_at == 0) {
    facts_.flight_sent_at = monotonic_now();
  }
}

Bytes Connection::take_data() { return std::exchange(data_, {}); }

void Connection::send(std::span<const unsigned char> data) {
  if (over_ || !established_) return;
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &written) != 1) fail("write");
}

void Connection::close() {
  // A second call would look for the client's answer, and drop data that came before it.
  if (over_ || !established_ || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  SSL_shutdown(ssl_.get());
  forget_errors();
}

}  // namespace pindrill

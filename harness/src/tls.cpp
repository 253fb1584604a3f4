#include "pindrill/tls.h"

#include <array>
#include <utility>

#include "client_hello.h"

namespace pindrill {
namespace {

constexpr int kServerHelloDone = 14;
constexpr int kCertificate = 11;
constexpr int kFinished = 20;

}  // namespace

Connection::Connection(std::shared_ptr<const ServerContext> context, std::shared_ptr<const Credential> shown,
                       Observation& facts)
    : context_(std::move(context)),
      shown_(std::move(shown)),
      facts_(facts),
      ssl_(owned(SSL_new(context_->get()), "make a TLS connection")) {
  SSL* ssl = ssl_.get();
  SSL_set_app_data(ssl, this);
  SSL_set_msg_callback_arg(ssl, this);
  check(SSL_use_certificate(ssl, shown_->leaf().get()) == 1 && SSL_use_PrivateKey(ssl, shown_->key.get()) == 1,
        "use a credential");
  for (std::size_t i = 1; i < shown_->chain.size(); ++i) {
    check(SSL_add1_chain_cert(ssl, shown_->chain[i].get()) == 1, "use a chain");
  }
  SSL_set_bio(ssl, owned(BIO_new(BIO_s_mem()), "make a buffer").release(),
              owned(BIO_new(BIO_s_mem()), "make a buffer").release());
  SSL_set_accept_state(ssl);
}

Connection::~Connection() = default;

int Connection::on_client_hello(SSL* ssl, int*, void*) {
  auto* self = static_cast<Connection*>(SSL_get_app_data(ssl));
  if (!self->facts_.hello) self->facts_.hello = read_client_hello(ssl);
  return SSL_CLIENT_HELLO_SUCCESS;
}

void Connection::on_message(int sent, int, int type, const void* data, std::size_t size, SSL*, void* self) {
  if (self == nullptr) return;
  static_cast<Connection*>(self)->message(sent != 0, type, {static_cast<const unsigned char*>(data), size});
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
    const bool tls13 = SSL_version(ssl_.get()) >= TLS1_3_VERSION;
    certificate_shown_ = certificate_shown_ || body[0] == kCertificate;  // a resumption shows none
    if (certificate_shown_ && facts_.flight_made_at == 0 && body[0] == (tls13 ? kFinished : kServerHelloDone)) {
      facts_.flight_made_at = monotonic_now();
    }
  } else if (type == SSL3_RT_HANDSHAKE && body[0] == kCertificate) {
    // An empty list is shorter: TLS 1.2 has 7 octets of it, TLS 1.3 has 8.
    facts_.client_certificate = body.size() > 8;
  }
}

void Connection::receive(std::span<const unsigned char> bytes) {
  if (over_ || bytes.empty()) return;
  forget_errors();  // of others on this thread, which SSL_get_error would take for ours
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  advance();
}

void Connection::advance() {
  const bool wait = !established_ && !read_early_data();
  if (!established_ && !wait) handshake();
  if (facts_.flight_made_at != 0 && flight_end_ == 0) {
    flight_end_ = taken_ + BIO_ctrl_pending(SSL_get_wbio(ssl_.get()));
  }
  if (established_ && !over_) read();
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
    if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ) fail("early data");
    return false;
  }
}

void Connection::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail("handshake");
    return;
  }
  forget_errors();
  established_ = true;
  facts_.finished_at = monotonic_now();
  facts_.tls_version = SSL_get_version(ssl_.get());
  facts_.cipher = SSL_get_cipher_name(ssl_.get());
  facts_.resumed = SSL_session_reused(ssl_.get()) == 1;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  facts_.alpn.assign(protocol, protocol + size);
}

void Connection::read() {
  std::array<unsigned char, 16384> buffer;
  while (true) {
    std::size_t size = 0;
    if (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size) == 1) {
      data_.insert(data_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
      continue;
    }
    switch (SSL_get_error(ssl_.get(), 0)) {
      case SSL_ERROR_WANT_READ:
        if (!slim_) slim();
        break;
      case SSL_ERROR_ZERO_RETURN:
        break;  // the client's close_notify; ours may still follow
      default:
        fail("read");
        break;
    }
    return;
  }
}

void Connection::fail(const char* doing) {
  over_ = true;
  facts_.failure = std::string(doing) + ": " + take_error_words();
}

/// Memory BIOs keep the largest size that they ever had: give that back once the handshake is through.
void Connection::slim() {
  for (BIO* bio : {SSL_get_rbio(ssl_.get()), SSL_get_wbio(ssl_.get())}) {
    if (BIO_ctrl_pending(bio) != 0) return;
  }
  slim_ = true;
  SSL_set_bio(ssl_.get(), owned(BIO_new(BIO_s_mem()), "make a buffer").release(),
              owned(BIO_new(BIO_s_mem()), "make a buffer").release());
}

Bytes Connection::take_output() {
  BIO* bio = SSL_get_wbio(ssl_.get());
  Bytes bytes(BIO_ctrl_pending(bio));
  if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
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
  if (over_ || !established_) return;
  SSL_shutdown(ssl_.get());
  forget_errors();
}

}  // namespace pindrill

#include "pindrill/tls_client.h"

#include <utility>

#include "buffers.h"

namespace pindrill {

ClientContext::ClientContext(const std::string& trust_file)
    : context_(owned(SSL_CTX_new(TLS_client_method()), "make a TLS client")) {
  SSL_CTX* context = context_.get();
  check(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, "set TLS versions");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (trust_file.empty()) {
    check(SSL_CTX_set_default_verify_paths(context) == 1, "read the system's trust store");
  } else if (SSL_CTX_load_verify_file(context, trust_file.c_str()) != 1) {
    throw Error(ErrorKind::input, trust_file + ": no PEM file with certificates: " + take_error_words());
  }
}

ClientConnection::ClientConnection(std::shared_ptr<const ClientContext> context, const std::string& host,
                                   const std::vector<std::string>& alpn)
    : context_(std::move(context)), ssl_(owned(SSL_new(context_->get()), "make a TLS connection")) {
  SSL* ssl = ssl_.get();
  // To OpenSSL an empty name is none to check, a leading dot any subdomain, and a NUL the end.
  if (host.empty() || host.front() == '.' || host.find('\0') != std::string::npos) {
    throw Error(ErrorKind::input, "not a host name to verify a server for");
  }
  X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(ssl), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    forget_errors();
    check(SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1,
          "set the server's name");
  }
  Bytes protocols;
  for (const auto& name : alpn) {
    if (name.empty() || name.size() > 255) continue;
    protocols.push_back(static_cast<unsigned char>(name.size()));
    protocols.insert(protocols.end(), name.begin(), name.end());
  }
  if (!protocols.empty()) {
    check(SSL_set_alpn_protos(ssl, protocols.data(), static_cast<unsigned int>(protocols.size())) == 0, "offer ALPN");
  }
  attach_buffers(ssl);
  SSL_set_connect_state(ssl);
}

void ClientConnection::receive(std::span<const unsigned char> bytes) {
  if (over()) return;
  forget_errors();  // of others on this thread, which SSL_get_error would take for ours
  put_received(ssl_.get(), bytes);
  if (!established_) {
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) {
      if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail("handshake");
      return;
    }
    established_ = true;
  }
  read();
}

void ClientConnection::read() {
  switch (read_all(ssl_.get(), data_)) {
    case SSL_ERROR_WANT_READ:
      if (!slim_) slim_ = slim_buffers(ssl_.get());
      break;
    case SSL_ERROR_ZERO_RETURN:
      closed_ = true;
      break;
    default:
      fail("read");
      break;
  }
}

void ClientConnection::fail(const char* doing) {
  const auto verified = SSL_get_verify_result(ssl_.get());
  const auto words = take_error_words();
  failure_ = verified == X509_V_OK
                 ? std::string(doing) + ": " + words
                 : std::string("its certificate is not good: ") + X509_verify_cert_error_string(verified);
}

Bytes ClientConnection::take_output() { return take_written(ssl_.get()); }

Bytes ClientConnection::take_data() { return std::exchange(data_, {}); }

void ClientConnection::send(std::span<const unsigned char> data) {
  if (over() || !established_ || data.empty()) return;
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &written) != 1) fail("write");
}

void ClientConnection::close() {
  // A second call would look for the server's answer, and drop data that came before it.
  if (over() || !established_ || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  SSL_shutdown(ssl_.get());
  forget_errors();
}

std::string ClientConnection::alpn() const {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return {protocol, protocol + size};
}

std::string ClientConnection::version() const { return established_ ? SSL_get_version(ssl_.get()) : ""; }

std::vector<Certificate> ClientConnection::chain() const {
  std::vector<Certificate> found;
  const STACK_OF(X509)* sent = SSL_get_peer_cert_chain(ssl_.get());
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    found.emplace_back(up_ref(sk_X509_value(sent, i)));
  }
  return found;
}

}  // namespace pindrill

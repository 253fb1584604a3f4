#include "support/tls_client.h"

#include <openssl/err.h>

#include <array>

namespace pindrill::test {

TlsClient::TlsClient(const ClientOptions& options)
    : context_(owned(SSL_CTX_new(TLS_client_method()), "make a client")) {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_min_proto_version(context, options.version);
  SSL_CTX_set_max_proto_version(context, options.version);
  if (options.trust) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), options.trust->get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.certificate) {
    SSL_CTX_use_certificate(context, options.certificate->leaf().get());
    SSL_CTX_use_PrivateKey(context, options.certificate->key.get());
  }
  ssl_ = owned(SSL_new(context), "make a client");
  SSL* ssl = ssl_.get();
  SSL_set_tlsext_host_name(ssl, options.host.c_str());
  if (options.trust) SSL_set1_host(ssl, options.host.c_str());
  std::string alpn;
  for (const auto& name : options.alpn) alpn += static_cast<char>(name.size()) + name;
  if (!alpn.empty()) {
    SSL_set_alpn_protos(ssl, bytes_of(alpn).data(), static_cast<unsigned>(alpn.size()));
  }
  if (options.session != nullptr) SSL_set_session(ssl, options.session);
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl);
}

void TlsClient::receive(std::span<const unsigned char> bytes) {
  if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
}

Bytes TlsClient::take_output() {
  BIO* bio = SSL_get_wbio(ssl_.get());
  Bytes bytes(BIO_ctrl_pending(bio));
  if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

bool TlsClient::handshake() {
  const bool through = SSL_do_handshake(ssl_.get()) == 1;
  ERR_clear_error();
  return through;
}

void TlsClient::send(std::string_view text) {
  SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  ERR_clear_error();
}

void TlsClient::send_early(std::string_view text) {
  std::size_t written = 0;
  check(SSL_write_early_data(ssl_.get(), text.data(), text.size(), &written) == 1, "write early data");
}

std::string TlsClient::read() {
  std::string text;
  std::array<char, 4096> buffer{};
  std::size_t size = 0;
  while (SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size) == 1) text.append(buffer.data(), size);
  ERR_clear_error();
  return text;
}

bool exchange(TlsClient& client, Connection& server) {
  bool through = false;
  while (true) {
    through = client.handshake();
    const auto up = client.take_output();
    server.receive(up);
    const auto down = server.take_output();
    client.receive(down);
    if (up.empty() && down.empty()) return through;
  }
}

std::span<const unsigned char> bytes_of(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace pindrill::test

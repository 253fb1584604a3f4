#include <algorithm>
#include <fstream>
#include <mutex>

#include "pindrill/tls.h"

namespace pindrill {
namespace {

int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void* argument) {
  const auto& given = static_cast<const Connection*>(SSL_get_app_data(ssl))->alpn();
  const auto& wanted = given ? std::vector<std::string>{*given} : static_cast<const TlsOptions*>(argument)->alpn;
  const std::span<const unsigned char> offered(in, in_size);
  for (const auto& protocol : wanted) {
    for (std::size_t at = 0; at < offered.size(); at += offered[at] + 1U) {
      const auto size = std::min<std::size_t>(offered[at], offered.size() - at - 1);
      const auto name = offered.subspan(at + 1, size);
      if (!std::equal(name.begin(), name.end(), protocol.begin(), protocol.end())) continue;
      *out = name.data();
      *out_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

/// Any client certificate will do: whether one is sent is the question.
int accept_any(int, X509_STORE_CTX*) { return 1; }

void append_key_log(const SSL* ssl, const char* line) {
  static std::mutex mutex;
  const auto* options = static_cast<const TlsOptions*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const std::lock_guard lock(mutex);
  std::ofstream(options->key_log_file, std::ios::app) << line << '\n';
}

}  // namespace

ServerContext::ServerContext(const TlsOptions& options)
    : options_(options), context_(owned(SSL_CTX_new(TLS_server_method()), "make a TLS server")) {
  SSL_CTX* context = context_.get();
  check(SSL_CTX_set_min_proto_version(context, options.min_version) == 1 &&
            SSL_CTX_set_max_proto_version(context, options.max_version) == 1,
        "set TLS versions");
  SSL_CTX_set_security_level(context, 0);  // weak certificates are shown on purpose
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
  // RFC 8879, from OpenSSL 3.2 on: a compressed Certificate is another message than the ones that are watched.
  SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION | SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
#endif
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (options.tickets) {
    check(SSL_CTX_set_session_ticket_cb(context, Connection::on_new_ticket, Connection::on_ticket, nullptr) == 1,
          "watch tickets");
  } else {
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  // One session id context for all: a client may resume what it was given.
  static constexpr unsigned char kSessionContext[] = "pindrill";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_max_early_data(context, options.max_early_data);
  if (options.max_early_data > 0) {
    SSL_CTX_set_recv_max_early_data(context, options.max_early_data);
    // Protection against replays would need the session cache; without both nothing is resumed.
    SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
  }
  SSL_CTX_set_alpn_select_cb(context, select_alpn, &options_);
  SSL_CTX_set_app_data(context, &options_);
  SSL_CTX_set_client_hello_cb(context, Connection::on_client_hello, nullptr);
  SSL_CTX_set_msg_callback(context, Connection::on_message);
  if (options.request_client_certificate) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  }
  if (!options.key_log_file.empty()) SSL_CTX_set_keylog_callback(context, append_key_log);
}

}  // namespace pindrill

// A server's end takes any bytes, in pieces, without a throw, and never believes a handshake that it did not have.

#include <algorithm>
#include <cstdlib>

#include "pindrill/rotation.h"
#include "pindrill/tls.h"

namespace {

using namespace pindrill;

struct Fixed {
  Fixed() : key(KeyPair::generate(KeyType::p256)) {
    CertificateSpec spec;
    spec.common_name = "app.pin.test";
    spec.dns = {spec.common_name};
    credential = std::make_shared<const Credential>(Credential{key, {self_signed(key, spec)}});
    TlsOptions options;
    options.tickets = true;
    options.request_client_certificate = true;
    options.max_early_data = 4096;
    context = std::make_shared<const ServerContext>(options);
    hello = client_hello();
  }

  static Bytes client_hello() {
    const auto client = owned(SSL_CTX_new(TLS_client_method()), "make a client");
    const auto ssl = owned(SSL_new(client.get()), "make a client");
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_connect(ssl.get());
    Bytes bytes(BIO_ctrl_pending(SSL_get_wbio(ssl.get())));
    BIO_read(SSL_get_wbio(ssl.get()), bytes.data(), static_cast<int>(bytes.size()));
    check(true, "");
    return bytes;
  }

  Bytes hello;  ///< a good one: not for the fuzzer to guess
  KeyPair key;
  std::shared_ptr<const Credential> credential;
  std::shared_ptr<const ServerContext> context;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const Fixed fixed;
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 128U;  // the first byte chooses
  const bool after_hello = data[0] >= 128;
  const std::span<const unsigned char> stream(data + 1, size - 1);
  Observation facts;
  Connection connection(fixed.context, facts);
  connection.show(fixed.credential);
  std::uint64_t taken = 0;
  if (after_hello) connection.receive(fixed.hello);
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    connection.receive(stream.subspan(at, std::min(piece, stream.size() - at)));
    taken += connection.take_output().size();
    connection.written(taken);
    if (!connection.take_data().empty()) std::abort();
  }
  connection.send(stream);
  connection.close();
  if (connection.established() || facts.finished_at != 0 || facts.early_data_bytes != 0) std::abort();
  return 0;
}

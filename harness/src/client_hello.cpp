#include "client_hello.h"

#include <span>

namespace pindrill {
namespace {

using View = std::span<const unsigned char>;

View extension(SSL* ssl, unsigned int type) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return {};
  return {data, size};
}

bool offers(SSL* ssl, unsigned int type) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  return SSL_client_hello_get0_ext(ssl, type, &data, &size) == 1;
}

/// A vector with a length prefix of `prefix` octets; empty when it does not fit.
View vector_in(View view, std::size_t prefix) {
  if (view.size() < prefix) return {};
  std::size_t size = 0;
  for (std::size_t i = 0; i < prefix; ++i) size = size << 8 | view[i];
  if (view.size() - prefix < size) return {};
  return view.subspan(prefix, size);
}

std::vector<std::uint16_t> numbers(View view) {
  std::vector<std::uint16_t> found;
  for (std::size_t i = 0; i + 1 < view.size(); i += 2) {
    found.push_back(static_cast<std::uint16_t>(view[i] << 8 | view[i + 1]));
  }
  return found;
}

std::string server_name(View view) {
  const auto list = vector_in(view, 2);  // RFC 6066 section 3
  if (list.size() < 3 || list[0] != TLSEXT_NAMETYPE_host_name) return {};
  const auto name = vector_in(list.subspan(1), 2);
  return {name.begin(), name.end()};
}

std::vector<std::string> protocols(View view) {
  std::vector<std::string> found;
  auto list = vector_in(view, 2);  // RFC 7301 section 3.1
  while (!list.empty()) {
    const auto name = vector_in(list, 1);
    found.emplace_back(name.begin(), name.end());
    list = list.subspan(std::min(list.size(), name.size() + 1));
  }
  return found;
}

}  // namespace

ClientHello read_client_hello(SSL* ssl) {
  ClientHello hello;
  hello.at = monotonic_now();
  hello.sni = server_name(extension(ssl, TLSEXT_TYPE_server_name));
  hello.alpn = protocols(extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation));
  hello.versions = numbers(vector_in(extension(ssl, TLSEXT_TYPE_supported_versions), 1));
  if (hello.versions.empty()) {
    hello.versions.push_back(static_cast<std::uint16_t>(SSL_client_hello_get0_legacy_version(ssl)));
  }
  hello.groups = numbers(vector_in(extension(ssl, TLSEXT_TYPE_supported_groups), 2));
  hello.signature_algorithms = numbers(vector_in(extension(ssl, TLSEXT_TYPE_signature_algorithms), 2));
  hello.psk_offered = offers(ssl, TLSEXT_TYPE_psk) || !extension(ssl, TLSEXT_TYPE_session_ticket).empty();
  hello.early_data_offered = offers(ssl, TLSEXT_TYPE_early_data);
  return hello;
}

}  // namespace pindrill

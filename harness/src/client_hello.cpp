#include "client_hello.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <map>

#include "fingerprint.h"

namespace pindrill {
namespace {

using View = std::span<const unsigned char>;

constexpr std::size_t kHandshakeHeader = 4;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kSsl2CipherSpec = 3;

/// Takes octets from the front; empty when there are not as many.
View take(View& from, std::size_t size) {
  if (from.size() < size) {
    from = {};
    return {};
  }
  const auto taken = from.first(size);
  from = from.subspan(size);
  return taken;
}

std::size_t number(View octets) {
  std::size_t value = 0;
  for (const auto octet : octets) value = value << 8 | octet;
  return value;
}

/// A vector with a length prefix of `prefix` octets; empty when it does not fit.
View take_vector(View& from, std::size_t prefix) { return take(from, number(take(from, prefix))); }

View vector_in(View view, std::size_t prefix) { return take_vector(view, prefix); }

std::vector<std::uint16_t> numbers(View view) {
  std::vector<std::uint16_t> found;
  while (view.size() >= 2) found.push_back(static_cast<std::uint16_t>(number(take(view, 2))));
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
    const auto name = take_vector(list, 1);
    found.emplace_back(name.begin(), name.end());
  }
  return found;
}

}  // namespace

Begins begins(View bytes) {
  if (bytes[0] == SSL3_RT_HANDSHAKE) return Begins::tls;
  // Two octets of length with the highest bit set, message type, major and minor version.
  if ((bytes[0] & 0x80) == 0 || (bytes.size() > 2 && bytes[2] != SSL2_MT_CLIENT_HELLO)) return Begins::plain;
  if (bytes.size() < 5) return Begins::unclear;
  return bytes[3] == SSL3_VERSION_MAJOR || number(bytes.subspan(3, 2)) == SSL2_VERSION ? Begins::tls : Begins::plain;
}

ClientHello read_client_hello(View message) {
  ClientHello hello;
  hello.at = monotonic_now();
  take(message, kHandshakeHeader);
  const auto legacy_version = static_cast<std::uint16_t>(number(take(message, 2)));
  take(message, kRandom);
  take_vector(message, 1);  // session id
  const auto ciphers = numbers(take_vector(message, 2));
  take_vector(message, 1);  // compression methods
  auto rest = take_vector(message, 2);
  std::vector<std::uint16_t> types;
  std::map<std::uint16_t, View> extensions;
  while (rest.size() >= 4) {
    types.push_back(static_cast<std::uint16_t>(number(take(rest, 2))));
    extensions.emplace(types.back(), take_vector(rest, 2));
  }
  const auto extension = [&](std::uint16_t type) {
    const auto found = extensions.find(type);
    return found == extensions.end() ? View() : found->second;
  };
  hello.sni = server_name(extension(TLSEXT_TYPE_server_name));
  hello.alpn = protocols(extension(TLSEXT_TYPE_application_layer_protocol_negotiation));
  hello.versions = numbers(vector_in(extension(TLSEXT_TYPE_supported_versions), 1));
  if (hello.versions.empty()) hello.versions.push_back(legacy_version);
  hello.groups = numbers(vector_in(extension(TLSEXT_TYPE_supported_groups), 2));
  hello.signature_algorithms = numbers(vector_in(extension(TLSEXT_TYPE_signature_algorithms), 2));
  hello.psk_offered = extensions.contains(TLSEXT_TYPE_psk) || !extension(TLSEXT_TYPE_session_ticket).empty();
  hello.early_data_offered = extensions.contains(TLSEXT_TYPE_early_data);
  const Offer offer{ciphers, types, hello};
  hello.ja4 = ja4(offer);
  hello.stack = stack_fingerprint(offer);
  return hello;
}

ClientHello read_ssl2_client_hello(View message) {
  ClientHello hello;
  hello.at = monotonic_now();
  take(message, 1);
  hello.versions.push_back(static_cast<std::uint16_t>(number(take(message, 2))));
  auto specs = number(take(message, 2));
  take(message, 4);  // lengths of session id and challenge
  std::vector<std::uint16_t> ciphers;
  for (; specs >= kSsl2CipherSpec; specs -= kSsl2CipherSpec) {
    const auto spec = take(message, kSsl2CipherSpec);
    if (spec.empty()) break;
    if (spec[0] == 0) ciphers.push_back(static_cast<std::uint16_t>(number(spec)));  // others are of SSL 2.0 itself
  }
  const Offer offer{ciphers, {}, hello};
  hello.ja4 = ja4(offer);
  hello.stack = stack_fingerprint(offer);
  return hello;
}

}  // namespace pindrill

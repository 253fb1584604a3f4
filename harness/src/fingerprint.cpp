#include "fingerprint.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

namespace pindrill {
namespace {

using Numbers = std::vector<std::uint16_t>;

constexpr std::uint16_t kCookie = 44;
/// ALPS, a former and the present number: a browser offers it with h2, not for WebSockets.
constexpr std::uint16_t kFormerApplicationSettings = 17513;
constexpr std::uint16_t kApplicationSettings = 17613;

/// Reserved so that servers tolerate unknown values (RFC 8701); they change from connection to connection.
bool grease(std::uint16_t value) { return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff); }

bool varies(std::uint16_t extension) {
  static constexpr std::array kVarying = {static_cast<std::uint16_t>(TLSEXT_TYPE_padding),
                                          static_cast<std::uint16_t>(TLSEXT_TYPE_psk),
                                          static_cast<std::uint16_t>(TLSEXT_TYPE_early_data),
                                          static_cast<std::uint16_t>(TLSEXT_TYPE_session_ticket),
                                          kCookie,
                                          kFormerApplicationSettings,
                                          kApplicationSettings};
  return std::find(kVarying.begin(), kVarying.end(), extension) != kVarying.end();
}

bool is_name_or_alpn(std::uint16_t extension) {
  return extension == TLSEXT_TYPE_server_name || extension == TLSEXT_TYPE_application_layer_protocol_negotiation;
}

template <typename Leave>
Numbers without(const Numbers& values, Leave leave) {
  Numbers kept;
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept),
               [&](std::uint16_t value) { return !grease(value) && !leave(value); });
  return kept;
}

std::string hex4(std::uint16_t value) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "%04x", value);
  return text.data();
}

std::string joined(const Numbers& values) {
  std::string text;
  for (const auto value : values) {
    if (!text.empty()) text += ',';
    text += hex4(value);
  }
  return text;
}

std::string hash12(const std::string& text) {
  if (text.empty()) return std::string(12, '0');
  std::array<unsigned char, 32> digest{};
  EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), digest.data(), nullptr);
  std::string hex;
  for (std::size_t i = 0; i < 6; ++i) hex.append(hex4(digest[i]), 2);
  return hex;
}

std::string two_digits(std::size_t count) {
  const auto most = std::min<std::size_t>(count, 99);
  return {static_cast<char>('0' + most / 10), static_cast<char>('0' + most % 10)};
}

std::string version(const ClientHello& hello) {
  std::uint16_t highest = 0;
  for (const auto value : hello.versions) {
    if (!grease(value)) highest = std::max(highest, value);
  }
  switch (highest) {
    case TLS1_3_VERSION:
      return "13";
    case TLS1_2_VERSION:
      return "12";
    case TLS1_1_VERSION:
      return "11";
    case TLS1_VERSION:
      return "10";
    case SSL3_VERSION:
      return "s3";
    default:
      return "00";
  }
}

std::string first_and_last(const std::vector<std::string>& alpn) {
  if (alpn.empty() || alpn.front().empty()) return "00";
  const auto& name = alpn.front();
  const auto first = static_cast<unsigned char>(name.front());
  const auto last = static_cast<unsigned char>(name.back());
  if (std::isalnum(first) != 0 && std::isalnum(last) != 0) return {name.front(), name.back()};
  return {hex4(first)[2], hex4(last)[3]};
}

std::string hashes(Numbers ciphers, Numbers extensions, const Numbers& signature_algorithms) {
  std::sort(ciphers.begin(), ciphers.end());
  std::sort(extensions.begin(), extensions.end());
  auto named = joined(extensions);
  if (!named.empty() && !signature_algorithms.empty()) named.append("_").append(joined(signature_algorithms));
  std::string text = "_";
  return text.append(hash12(joined(ciphers))).append("_").append(hash12(named));
}

}  // namespace

std::string ja4(const Offer& offer) {
  const auto ciphers = without(offer.ciphers, [](auto) { return false; });
  const auto extensions = without(offer.extensions, [](auto) { return false; });
  const auto named = std::find(extensions.begin(), extensions.end(), TLSEXT_TYPE_server_name) != extensions.end();
  std::string text = "t";
  text.append(version(offer.hello)).append(named ? "d" : "i");
  text.append(two_digits(ciphers.size())).append(two_digits(extensions.size()));
  text.append(first_and_last(offer.hello.alpn));
  return text.append(hashes(ciphers, without(extensions, is_name_or_alpn), offer.hello.signature_algorithms));
}

std::string stack_fingerprint(const Offer& offer) {
  const auto ciphers = without(offer.ciphers, [](auto) { return false; });
  const auto extensions = without(offer.extensions, [](auto type) { return varies(type) || is_name_or_alpn(type); });
  std::string text = "t";
  text.append(version(offer.hello)).append(two_digits(ciphers.size())).append(two_digits(extensions.size()));
  return text.append(hashes(ciphers, extensions, offer.hello.signature_algorithms));
}

}  // namespace pindrill

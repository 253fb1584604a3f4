#include "pindrill/pin.h"

#include <algorithm>
#include <cctype>

namespace pindrill {
namespace {

constexpr std::string_view kEmptyInput = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Pin::Value sha256(const Bytes& bytes) {
  Pin::Value digest{};
  std::size_t size = digest.size();
  check(EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), &size) == 1, "digest");
  return digest;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::input, "malformed pin '" + std::string(text.substr(0, 120)) + "': " + why);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Pin::Value> from_hex(std::string_view text) {
  const bool colons = text.size() == 95;
  if (!colons && text.size() != 64) return std::nullopt;
  const std::size_t step = colons ? 3 : 2;
  Pin::Value digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(text[i * step]);
    const int low = hex_value(text[i * step + 1]);
    if (high < 0 || low < 0 || (colons && i + 1 < digest.size() && text[i * step + 2] != ':')) {
      return std::nullopt;
    }
    digest[i] = static_cast<unsigned char>(high * 16 + low);
  }
  return digest;
}

Pin::Value from_base64(std::string_view whole, std::string_view text) {
  if (text.size() != 44 || text.back() != '=' || text[42] == '=') {
    refuse(whole, "a SHA-256 digest is 44 characters of base64 ending in '=', this is " + std::to_string(text.size()));
  }
  std::array<unsigned char, 33> raw{};
  const auto valid = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/'; };
  if (!std::all_of(text.begin(), text.end() - 1, valid)) {
    refuse(whole, "not base64 (RFC 4648 section 4)");
  }
  if (EVP_DecodeBlock(raw.data(), reinterpret_cast<const unsigned char*>(text.data()), 44) != 33) {
    refuse(whole, "not base64 (RFC 4648 section 4)");
  }
  if (raw[32] != 0) refuse(whole, "stray bits after the digest: it was cut or altered");
  Pin::Value digest{};
  std::copy_n(raw.begin(), digest.size(), digest.begin());
  return digest;
}

/// The digest without what stands around it.
std::string_view digest_in(std::string_view text) {
  constexpr std::string_view header = "pin-sha256=\"";
  constexpr std::size_t base64_size = 44;
  if (text.size() == base64_size) return text;
  if (text.size() > header.size() && text.starts_with(header) && text.ends_with('"')) {
    return text.substr(header.size(), text.size() - header.size() - 1);
  }
  for (const std::string_view prefix : {"sha256//", "sha256/", "pin-sha256="}) {
    // One digest in 64 starts with a slash of its own: then the length tells whose the second slash is.
    const bool own_slash = prefix.ends_with("//") && text.size() == prefix.size() - 1 + base64_size;
    if (text.starts_with(prefix) && !own_slash) return text.substr(prefix.size());
  }
  return text;
}

std::string canonical(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

std::string hex_of(const Pin::Value& digest, bool colons) {
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view capitals = "0123456789ABCDEF";
  std::string text;
  for (const unsigned char byte : digest) {
    if (colons && !text.empty()) text += ':';
    const auto& table = colons ? capitals : digits;
    text += table[byte >> 4];
    text += table[byte & 15];
  }
  return text;
}

}  // namespace

Pin Pin::of_key(const KeyPair& key) { return {PinOf::spki, sha256(key.spki())}; }

Pin Pin::of_certificate(const Certificate& certificate) { return {PinOf::certificate, sha256(certificate.der())}; }

Pin Pin::parse(std::string_view text, PinOf of) {
  const auto body = digest_in(text);
  const auto digest = from_hex(text);
  const Pin pin(of, digest ? *digest : from_base64(text, body));
  if (pin.hex() == kEmptyInput) {
    refuse(text, "this is the digest of nothing: the command that made it was given an empty input");
  }
  return pin;
}

std::string Pin::base64() const {
  std::array<unsigned char, 45> text{};
  EVP_EncodeBlock(text.data(), digest_.data(), static_cast<int>(digest_.size()));
  return reinterpret_cast<const char*>(text.data());
}

std::string Pin::hex() const { return hex_of(digest_, false); }

std::string Pin::colon_hex() const { return hex_of(digest_, true); }

bool Pin::matches(const Certificate& certificate) const {
  return digest_ == sha256(of_ == PinOf::spki ? certificate.spki() : certificate.der());
}

bool PinSet::covers(std::string_view other_host) const {
  const auto pattern = canonical(host);
  const auto name = canonical(other_host);
  if (name == pattern) return apex;
  const auto suffix = "." + pattern;
  if (subdomains == Subdomains::none || name.size() <= suffix.size() || !name.ends_with(suffix)) {
    return false;
  }
  const auto labels = std::string_view(name).substr(0, name.size() - suffix.size());
  return subdomains == Subdomains::all || labels.find('.') == std::string_view::npos;
}

std::string sha256_hex(const Bytes& bytes) { return hex_of(sha256(bytes), false); }

}  // namespace pindrill

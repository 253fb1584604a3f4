#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/pki.h"

namespace pindrill {

enum class PinOf { spki, certificate };

/// The SHA-256 of one SubjectPublicKeyInfo or one certificate.
class Pin {
 public:
  using Value = std::array<unsigned char, 32>;

  Pin(PinOf of, const Value& digest) : of_(of), digest_(digest) {}
  static Pin of_key(const KeyPair& key);
  static Pin of_certificate(const Certificate& certificate);
  /// Strict: `sha256/B64`, `sha256//B64`, `pin-sha256="B64"`, `pin-sha256=B64`, bare base64, hex, colon hex.
  /// Error{input} names what is wrong: wrong length, not base64, stray bits, the digest of empty input.
  static Pin parse(std::string_view text, PinOf of);

  PinOf of() const noexcept { return of_; }
  const Value& digest() const noexcept { return digest_; }
  std::string base64() const;
  std::string hex() const;
  std::string colon_hex() const;
  bool matches(const Certificate& certificate) const;
  bool operator==(const Pin&) const = default;

 private:
  PinOf of_;
  Value digest_;
};

enum class Subdomains {
  none,  ///< this host only
  one,   ///< and names with exactly one label more (Apple ATS, OkHttp `*.`)
  all,   ///< and names with any number of labels more (NSC, OkHttp `**.`, HPKP includeSubDomains)
};

/// The pins of a host pattern.
struct PinSet {
  std::string host;
  std::vector<Pin> pins;
  Subdomains subdomains = Subdomains::none;
  bool apex = true;                          ///< false: OkHttp's `*.`, which leaves the apex out
  std::optional<std::int64_t> expires = {};  ///< seconds since the epoch; from then on nothing is pinned

  /// Case and one trailing dot do not count.
  bool covers(std::string_view other_host) const;
};

/// The SHA-256 as lower-case hex.
std::string sha256_hex(const Bytes& bytes);

}  // namespace pindrill

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/observation.h"

namespace pindrill {

/// How far did the client speak: fed with readable application data in pieces of any size.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;

  void feed(std::span<const unsigned char> data);
  Progress progress() const noexcept;
  /// A whole HTTP/1.1 request, body included, is there.
  bool complete() const noexcept;
  /// Octets that were fed after the end of that request.
  std::uint64_t beyond() const noexcept;
  std::uint64_t boilerplate_bytes() const noexcept;
  std::uint64_t data_bytes() const noexcept;
  /// Method, path and version; secrets and query values are replaced.
  std::string request_line() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Finds request secrets, wherever they stand in a stream. A secret is `kSecretPrefix` and 24 of [0-9a-f].
class SecretScanner {
 public:
  void feed(std::span<const unsigned char> data);
  const std::vector<std::string>& found() const noexcept { return found_; }

 private:
  std::string tail_;
  std::vector<std::string> found_;
};

inline constexpr std::string_view kSecretPrefix = "pd7s";
inline constexpr std::size_t kSecretLength = 28;

}  // namespace pindrill

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/http2.h"
#include "support/tls_client.h"

namespace pindrill::test {

using Fields = std::vector<Http2Field>;

inline constexpr int kData = 0;
inline constexpr int kHeaders = 1;
inline constexpr int kContinuation = 9;
inline constexpr int kEndHeaders = 4;
inline constexpr int kPadded = 8;
inline constexpr int kPriority = 0x20;

inline std::string frame(int type, std::string_view payload, int flags = 0, int stream = 1) {
  std::string text(9, '\0');
  text[0] = static_cast<char>(payload.size() >> 16);
  text[1] = static_cast<char>(payload.size() >> 8 & 0xff);
  text[2] = static_cast<char>(payload.size() & 0xff);
  text[3] = static_cast<char>(type);
  text[4] = static_cast<char>(flags);
  text[7] = static_cast<char>(stream >> 8);
  text[8] = static_cast<char>(stream & 0xff);
  return text + std::string(payload);
}

inline std::string headers(std::string_view block, int stream = 1) {
  return frame(kHeaders, block, kEndHeaders, stream);
}

/// A literal without indexing (RFC 7541 section 6.2.2), of lengths under 127.
inline std::string literal(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
}

inline Http2Reader read(std::string_view text, const Http2Limits& limits = {}, std::size_t piece = std::string::npos) {
  Http2Reader reader(limits);
  for (std::size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) {
    reader.feed(bytes_of(text.substr(at, piece)));
  }
  return reader;
}

inline const std::string kCookie = literal("cookie", "a=b");
inline const Fields kCookieField = {{"cookie", "a=b"}};

}  // namespace pindrill::test

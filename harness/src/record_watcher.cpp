#include "record_watcher.h"

#include <algorithm>

namespace pindrill {
namespace {

constexpr unsigned char kHandshake = 22;
constexpr unsigned char kApplicationData = 23;
constexpr unsigned char kServerHelloMessage = 2;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kFixed = kMessageHeader + 2 + 32;  ///< message header, version, random
constexpr unsigned int kSupportedVersions = 43;
constexpr unsigned int kTls13 = 0x0304;
constexpr unsigned int kTls12 = 0x0303;

unsigned int two(std::span<const unsigned char> bytes, std::size_t at) {
  return static_cast<unsigned int>(bytes[at] << 8 | bytes[at + 1]);
}

/// RFC 8446 section 4.1.3: from TLS 1.3 on the version stands in an extension.
unsigned int chosen_version(std::span<const unsigned char> hello) {
  if (hello.size() <= kFixed) return 0;
  const auto legacy = two(hello, kMessageHeader);
  std::size_t at = kFixed + 1 + hello[kFixed] + 2 + 1;  // session id, cipher suite, compression
  if (hello.size() < at + 2) return legacy;
  const auto end = std::min(hello.size(), at + 2 + two(hello, at));
  for (at += 2; at + 4 <= end; at += 4 + two(hello, at + 2)) {
    if (two(hello, at) == kSupportedVersions && at + 6 <= end) return two(hello, at + 4);
  }
  return legacy;
}

const char* name_of(unsigned int version) {
  if (version >= kTls13) return "TLSv1.3";
  if (version == kTls12) return "TLSv1.2";
  return version > 0x0300 && version < kTls12 ? "TLSv1.1 or older" : "";
}

}  // namespace

void RecordWatcher::from_client(std::span<const unsigned char> bytes) {
  while (!bytes.empty() && client_records_.size() < kKept) {
    if (client_.skip > 0) {
      const auto size = std::min(client_.skip, bytes.size());
      client_.skip -= size;
      bytes = bytes.subspan(size);
      continue;
    }
    client_.bytes[client_.have++] = bytes.front();
    bytes = bytes.subspan(1);
    if (client_.have < kRecordHeader) continue;
    client_.have = 0;
    client_.skip = two(client_.bytes, 3);
    if (client_.bytes[0] == kApplicationData) client_records_.push_back(static_cast<std::uint16_t>(client_.skip));
  }
}

void RecordWatcher::from_server(std::span<const unsigned char> bytes) {
  if (server_done_) return;
  const auto size = std::min(bytes.size(), kServerHello - server_.size());
  server_.insert(server_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  std::vector<unsigned char> message;  // it may come in several records
  for (std::size_t at = 0; at + kRecordHeader <= server_.size();) {
    if (server_[at] != kHandshake) return no_more();
    const auto body = std::span(server_).subspan(at + kRecordHeader);
    const auto part = body.first(std::min<std::size_t>(body.size(), two(server_, at + 3)));
    message.insert(message.end(), part.begin(), part.end());
    if (!message.empty() && message[0] != kServerHelloMessage) return no_more();
    if (message.size() >= kMessageHeader) {
      const auto whole = kMessageHeader + (static_cast<std::size_t>(message[1]) << 16) + two(message, 2);
      if (message.size() >= whole) {
        version_ = name_of(chosen_version(std::span(message).first(whole)));
        return no_more();
      }
    }
    at += kRecordHeader + two(server_, at + 3);
  }
  if (server_.size() >= kServerHello) no_more();
}

void RecordWatcher::no_more() {
  server_done_ = true;
  server_ = {};
}

}  // namespace pindrill

#include "record_watcher.h"

#include <algorithm>

namespace pindrill {
namespace {

constexpr unsigned char kHandshake = 22;
constexpr unsigned char kApplicationData = 23;
constexpr unsigned char kServerHelloMessage = 2;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kFixed = kRecordHeader + 4 + 2 + 32;  ///< record header, message header, version, random
constexpr unsigned int kSupportedVersions = 43;
constexpr unsigned int kTls13 = 0x0304;

unsigned int two(std::span<const unsigned char> bytes, std::size_t at) {
  return static_cast<unsigned int>(bytes[at] << 8 | bytes[at + 1]);
}

/// RFC 8446 section 4.1.3: from TLS 1.3 on the version stands in an extension.
unsigned int chosen_version(std::span<const unsigned char> hello) {
  const auto legacy = two(hello, kRecordHeader + 4);
  std::size_t at = kFixed + 1 + hello[kFixed] + 2 + 1;  // session id, cipher suite, compression
  if (hello.size() < at + 2) return legacy;
  const auto end = std::min(hello.size(), at + 2 + two(hello, at));
  for (at += 2; at + 4 <= end; at += 4 + two(hello, at + 2)) {
    if (two(hello, at) == kSupportedVersions && at + 6 <= end) return two(hello, at + 4);
  }
  return legacy;
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
  server_hello_.insert(server_hello_.end(), bytes.begin(),
                       bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), kServerHello)));
  if (server_hello_.size() <= kFixed) return;
  const std::span<const unsigned char> record(server_hello_);
  const auto whole = kRecordHeader + two(record, 3);
  const bool hello = record[0] == kHandshake && record[kRecordHeader] == kServerHelloMessage;
  if (hello && record.size() < std::min(whole, kServerHello)) return;
  if (hello) version_ = chosen_version(record) >= kTls13 ? "TLSv1.3" : "TLSv1.2";
  server_done_ = true;
  server_hello_ = {};
}

}  // namespace pindrill

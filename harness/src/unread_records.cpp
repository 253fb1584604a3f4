#include "unread_records.h"

#include <openssl/ssl.h>

#include <algorithm>

namespace pindrill {
namespace {

/// RFC 8446 section 5.2: an encrypted alert looks like data. With the padding of JSSE it has as many octets.
constexpr std::size_t kLargestAlert = 35;

}  // namespace

void UnreadRecords::feed(std::span<const unsigned char> bytes) {
  while (!bytes.empty()) {
    if (plain_) {
      bytes_ += bytes.size();
      return;
    }
    if (left_ == 0) {
      header_[have_++] = bytes.front();
      bytes = bytes.subspan(1);
      if (have_ == 1 && (header_[0] < SSL3_RT_CHANGE_CIPHER_SPEC || header_[0] > SSL3_RT_APPLICATION_DATA)) begin();
      if (have_ == kHeader) begin();
      continue;
    }
    const auto size = std::min(left_, bytes.size());
    if (counts_) bytes_ += size;
    left_ -= size;
    bytes = bytes.subspan(size);
  }
}

void UnreadRecords::begin() {
  const auto type = header_[0];
  plain_ = have_ < kHeader || header_[1] != SSL3_VERSION_MAJOR;
  if (plain_) bytes_ += have_;
  have_ = 0;
  left_ = static_cast<std::size_t>(header_[3] << 8 | header_[4]);
  counts_ = type == SSL3_RT_HANDSHAKE || (type == SSL3_RT_APPLICATION_DATA && left_ > kLargestAlert);
}

}  // namespace pindrill

#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace pindrill {

/// Counts what may be data in bytes that a client sends after its TLS connection is over. Alerts are none.
class UnreadRecords {
 public:
  void feed(std::span<const unsigned char> bytes);
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kHeader = 5;

  void begin();

  std::array<unsigned char, kHeader> header_{};
  std::size_t have_ = 0;
  std::size_t left_ = 0;  ///< of the record at hand
  bool counts_ = false;
  bool plain_ = false;  ///< it is no TLS any more
  std::uint64_t bytes_ = 0;
};

}  // namespace pindrill

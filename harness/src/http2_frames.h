#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pindrill {

/// RFC 9113 section 6.
enum FrameType : std::uint8_t {
  frame_data = 0,
  frame_headers = 1,
  frame_priority = 2,
  frame_rst_stream = 3,
  frame_settings = 4,
  frame_push_promise = 5,
  frame_ping = 6,
  frame_goaway = 7,
  frame_window_update = 8,
  frame_continuation = 9,
};

inline constexpr std::size_t kFrameHead = 9;

struct FrameHead {
  std::size_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
};

/// Frames that every client sends by itself, as far as they have no room for data.
inline bool is_boilerplate(std::uint8_t type, std::size_t length) {
  constexpr std::size_t setting = 6;
  switch (type) {
    case frame_priority:
      return length == 5;
    case frame_settings:
      return length % setting == 0;
    case frame_ping:
    case frame_goaway:
      return length == 8;
    case frame_window_update:
      return length == 4;
    default:
      return false;
  }
}

/// Cuts a stream of octets, which comes in pieces of any size, into frames.
class FrameSplitter {
 public:
  /// Tells `sink` of `begin(head)`, of each `payload(piece)` and of `end()`, while `sink.going()`. Returns what was not
  /// looked at.
  template <typename Sink>
  std::span<const unsigned char> feed(std::span<const unsigned char> data, Sink& sink) {
    while (!data.empty() && sink.going()) {
      if (left_ > 0) {
        const auto piece = data.first(std::min(left_, data.size()));
        left_ -= piece.size();
        data = data.subspan(piece.size());
        sink.payload(piece);
        if (left_ == 0 && sink.going()) sink.end();
        continue;
      }
      octets_[have_++] = data.front();
      data = data.subspan(1);
      if (have_ < kFrameHead) continue;
      have_ = 0;
      const auto head = decoded();
      left_ = head.length;
      sink.begin(head);
      if (left_ == 0 && sink.going()) sink.end();
    }
    return data;
  }

 private:
  FrameHead decoded() const {
    const auto octet = [this](std::size_t i) { return std::uint32_t{octets_[i]}; };
    return {octet(0) << 16 | octet(1) << 8 | octet(2), octets_[3], octets_[4],
            (octet(5) << 24 | octet(6) << 16 | octet(7) << 8 | octet(8)) & 0x7fffffffU};
  }

  std::array<unsigned char, kFrameHead> octets_ = {};
  std::size_t have_ = 0;
  std::size_t left_ = 0;  ///< of the payload
};

}  // namespace pindrill

#pragma once

#include <algorithm>
#include <cstdlib>
#include <span>

namespace pindrill::fuzz {

/// The first byte of an input chooses how the rest is cut into pieces.
struct Pieces {
  Pieces(const unsigned char* data, std::size_t count) {
    if (count == 0) return;
    size = 1 + data[0] % 128U;
    stream = {data + 1, count - 1};
  }

  template <typename Each>
  void each(Each do_each) const {
    for (std::size_t at = 0; at < stream.size(); at += size) {
      do_each(stream.subspan(at, std::min(size, stream.size() - at)));
    }
  }

  std::size_t size = 1;
  std::span<const unsigned char> stream = {};
};

inline void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace pindrill::fuzz

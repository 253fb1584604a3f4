// An input is header blocks, each after an octet of length; they are sent as frames that no fuzzer has to find. How a
// block is split among CONTINUATION frames changes nothing.

#include <string>

#include "pieces.h"
#include "pindrill/http2.h"

namespace {

using pindrill::fuzz::expect;

constexpr int kHeaders = 1;
constexpr int kContinuation = 9;
constexpr int kEndHeaders = 4;

void frame(std::string& text, int type, std::string_view payload, int flags, std::size_t stream) {
  text += {'\0', static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)};
  text += {static_cast<char>(type), static_cast<char>(flags), '\0', '\0'};
  text += {static_cast<char>(stream >> 8), static_cast<char>(stream & 0xff)};
  text += payload;
}

/// Blocks whole, or in frames of `piece` octets.
std::string frames_of(std::string_view blocks, std::size_t piece) {
  std::string text;
  for (std::size_t stream = 1; !blocks.empty(); stream += 2) {
    const std::size_t wanted = static_cast<unsigned char>(blocks.front());
    blocks.remove_prefix(1);
    auto block = blocks.substr(0, wanted);
    blocks.remove_prefix(block.size());
    int type = kHeaders;
    do {
      const auto part = block.substr(0, piece);
      block.remove_prefix(part.size());
      frame(text, type, part, block.empty() ? kEndHeaders : 0, stream);
      type = kContinuation;
    } while (!block.empty());
  }
  return text;
}

pindrill::Http2Reader read(const std::string& text) {
  pindrill::Http2Limits limits;
  limits.frames = 1'000'000;
  pindrill::Http2Reader reader(limits);
  reader.feed({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  return reader;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const pindrill::fuzz::Pieces pieces(data, size);
  const std::string_view blocks(reinterpret_cast<const char*>(pieces.stream.data()), pieces.stream.size());
  const auto whole = read(frames_of(blocks, 255));
  const auto split = read(frames_of(blocks, pieces.size));
  expect(whole.stopped() == split.stopped());
  expect(whole.requests().size() == split.requests().size());
  for (std::size_t i = 0; i < whole.requests().size(); ++i) {
    expect(whole.requests()[i].fields == split.requests()[i].fields);
  }
  expect(whole.cut() == 0 && split.cut() == 0);
  return 0;
}

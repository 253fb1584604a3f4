// How a stream is cut into pieces changes nothing, and no byte of it goes uncounted.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "pindrill/http.h"

namespace {

struct Heard {
  pindrill::RequestReader reader;
  pindrill::SecretScanner scanner;

  void feed(std::span<const unsigned char> data) {
    reader.feed(data);
    scanner.feed(data);
  }
};

void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64U;  // the first byte chooses
  const std::span<const unsigned char> stream(data + 1, size - 1);
  Heard whole;
  Heard pieces;
  whole.feed(stream);
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    pieces.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
  }
  expect(whole.reader.progress() == pieces.reader.progress());
  expect(whole.reader.complete() == pieces.reader.complete());
  expect(whole.reader.request_line() == pieces.reader.request_line());
  expect(whole.reader.data_bytes() == pieces.reader.data_bytes());
  expect(whole.reader.boilerplate_bytes() == pieces.reader.boilerplate_bytes());
  expect(whole.scanner.found() == pieces.scanner.found());
  for (const auto& secret : whole.scanner.found()) {
    expect(whole.reader.request_line().find(secret) == std::string::npos);
  }
  // The head of an HTTP/2 frame is counted once its type is known.
  const auto counted = whole.reader.data_bytes() + whole.reader.boilerplate_bytes();
  expect(counted <= stream.size() && counted + 8 >= stream.size());
  return 0;
}

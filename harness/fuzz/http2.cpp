// How a stream is cut into pieces changes nothing of what is read of it, what is read stays within the limits, and no
// octet is counted twice.

#include "pindrill/http2.h"

#include "pieces.h"

namespace {

using pindrill::fuzz::expect;

bool same(const pindrill::Http2Reader& one, const pindrill::Http2Reader& other) {
  const auto& ours = one.requests();
  const auto& theirs = other.requests();
  return one.stopped() == other.stopped() && one.unread() == other.unread() && one.cut() == other.cut() &&
         one.other() == other.other() && ours.size() == theirs.size() &&
         std::equal(ours.begin(), ours.end(), theirs.begin(), [](const auto& a, const auto& b) {
           return a.stream == b.stream && a.fields == b.fields && a.body == b.body;
         });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const pindrill::fuzz::Pieces pieces(data, size);
  pindrill::Http2Limits limits;
  limits.frames = 64;  // small, so that inputs reach them
  limits.streams = 8;
  limits.block = 512;
  limits.list = 1024;
  limits.fields = 2048;
  limits.data = 1024;
  pindrill::Http2Reader whole(limits);
  pindrill::Http2Reader piecemeal(limits);
  whole.feed(pieces.stream);
  pieces.each([&](auto piece) { piecemeal.feed(piece); });
  expect(same(whole, piecemeal));
  std::size_t fields = 0;
  std::size_t body = 0;
  for (const auto& request : whole.requests()) {
    for (const auto& field : request.fields) fields += field.name.size() + field.value.size() + 32;
    body += request.body.size();
  }
  expect(whole.requests().size() <= limits.streams && fields <= limits.fields && body <= limits.data);
  expect(whole.unread() + whole.cut() + whole.other() + body <= pieces.stream.size());
  expect(whole.stopped().empty() ? whole.unread() == 0 : whole.cut() == 0);
  return 0;
}

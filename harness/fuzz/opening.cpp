// What a client says to a proxy, cut into pieces of any size, comes to the same; no octet of what follows is lost.

#include "opening.h"

#include "pieces.h"

namespace {

using namespace pindrill;
using State = Opening::State;

/// What came of it, with everything after it that would be the server's.
struct Heard {
  State state = State::more;
  std::string answer;
  std::string rest;

  bool operator==(const Heard&) const = default;
};

template <typename Cut>
Heard hear(Opening& opening, Cut cut) {
  Heard heard;
  cut([&](std::span<const unsigned char> piece) {
    if (heard.state == State::more) {
      heard.state = opening.feed(piece);
      heard.answer += opening.answer();
      heard.rest = opening.rest();
    } else if (heard.state != State::bad) {
      heard.rest.append(piece.begin(), piece.end());
    }
  });
  return heard;
}

void check(std::unique_ptr<Opening> (*make)(), const fuzz::Pieces& pieces) {
  const auto cut = make();
  const auto whole = make();
  const auto in_pieces = hear(*cut, [&](auto each) { pieces.each(each); });
  const auto at_once = hear(*whole, [&](auto each) { each(pieces.stream); });
  fuzz::expect(in_pieces == at_once);
  const bool goes_on = at_once.state == State::connect || at_once.state == State::forward;
  if (!goes_on) return;
  fuzz::expect(cut->host() == whole->host() && cut->port() == whole->port());
  fuzz::expect(!whole->host().empty() && whole->host().size() <= 255 && whole->port() != 0);
  fuzz::expect(plain_host(whole->host()).size() <= whole->host().size());
  whole->connected();
  whole->not_connected("why");
  whole->refused("why");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const fuzz::Pieces pieces(data, size);
  if (pieces.stream.empty()) return 0;
  check([] { return http_proxy_opening(); }, pieces);
  check([] { return socks_opening(); }, pieces);
  check([] { return host_field_opening(80); }, pieces);
  return 0;
}

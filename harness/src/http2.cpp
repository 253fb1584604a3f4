#include "pindrill/http2.h"

#include <nghttp2/nghttp2.h>

#include <new>
#include <unordered_map>
#include <utility>

#include "http2_frames.h"

// Only the HPACK decoder is nghttp2's. Its sessions are peers: they end a connection on their own account, and refuse
// streams and frames that could be read all the same.

namespace pindrill {
namespace {

constexpr std::uint8_t kEndHeaders = 0x04;
constexpr std::uint8_t kPadded = 0x08;
constexpr std::uint8_t kPriority = 0x20;
constexpr std::size_t kPriorityFields = 5;
constexpr std::size_t kFieldOverhead = 32;  // RFC 9113 section 6.5.2

struct DeleteInflater {
  void operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }
};

std::string text(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

std::string size_in_words(std::size_t octets) {
  return octets % 1024 == 0 ? std::to_string(octets / 1024) + " KiB" : std::to_string(octets) + " bytes";
}

}  // namespace

struct Http2Reader::Impl {
  explicit Impl(const Http2Limits& wanted) : limits(wanted) {
    nghttp2_hd_inflater* made = nullptr;
    if (nghttp2_hd_inflate_new(&made) != 0) throw std::bad_alloc();
    inflater.reset(made);
    nghttp2_hd_inflate_change_table_size(made, limits.table);
  }

  // --- for the splitter ----------------------------------------------------------------------------------------

  bool going() const { return stopped.empty(); }

  void begin(const FrameHead& began) {
    head = began;
    if (++frames > limits.frames) return stop("more than " + std::to_string(limits.frames) + " frames");
    const bool goes_on = head.type == frame_continuation;
    // RFC 9113 section 6.10: nothing comes in between, and what did would be decoded with the wrong table.
    if (in_block != goes_on || (goes_on && head.stream != block_stream)) return malformed("CONTINUATION out of place");
    if (head.type == frame_push_promise) return malformed("PUSH_PROMISE of a client");
    content = head.length;
    pad_due = false;
    skip = 0;
    if (head.type == frame_headers || head.type == frame_data) {
      if (head.stream == 0) return malformed("a request on stream 0");
      pad_due = (head.flags & kPadded) != 0;
      if (head.type == frame_headers && (head.flags & kPriority) != 0) skip = kPriorityFields;
      if (content < skip + (pad_due ? 1U : 0U)) return malformed("a frame shorter than its own fields");
      content -= skip + (pad_due ? 1U : 0U);
      if (!find_stream()) return;
    }
    if (head.type == frame_headers) {
      in_block = true;
      block_stream = head.stream;
      block = list = 0;
    }
  }

  void payload(std::span<const unsigned char> piece) {
    if (pad_due) {
      pad_due = false;
      const std::size_t padding = piece.front();
      piece = piece.subspan(1);
      if (padding > content) return malformed("more padding than frame", piece.size());
      content -= padding;
    }
    const auto skipped = std::min(skip, piece.size());
    skip -= skipped;
    piece = piece.subspan(skipped);
    const auto padding = piece.size() - std::min(content, piece.size());
    piece = piece.first(piece.size() - padding);
    content -= piece.size();
    hold(piece);
    if (!going()) unread += padding;
  }

  void hold(std::span<const unsigned char> piece) {
    if (head.type == frame_data) return keep(piece);
    if (in_block) return inflate(piece);
    const bool harmless = is_boilerplate(head.type, head.length) || (head.type == frame_rst_stream && head.length == 4);
    if (!harmless) other += piece.size();
  }

  void end() {
    if (!in_block || (head.flags & kEndHeaders) == 0) return;
    decode(nullptr, 0, true);
    if (!going()) return;
    nghttp2_hd_inflate_end_headers(inflater.get());
    in_block = false;
    cut = 0;
  }

  // --- what frames hold ----------------------------------------------------------------------------------------

  bool find_stream() {
    const auto found = places.find(head.stream);
    if (found != places.end()) {
      place = found->second;
      return true;
    }
    if (requests.size() >= limits.streams) {
      stop("more than " + std::to_string(limits.streams) + " streams");
      return false;
    }
    place = requests.size();
    places.emplace(head.stream, place);
    requests.push_back({head.stream, {}, {}});
    return true;
  }

  void keep(std::span<const unsigned char> piece) {
    const auto room = std::min(piece.size(), limits.data - data);
    data += room;
    requests[place].body.append(reinterpret_cast<const char*>(piece.data()), room);
    if (room < piece.size()) stop("more than " + size_in_words(limits.data) + " of DATA", piece.size() - room);
  }

  void inflate(std::span<const unsigned char> piece) {
    if (piece.empty()) return;
    const auto room = std::min(piece.size(), limits.block - block);
    block += room;
    decode(piece.data(), room, false);
    const auto rest = piece.size() - room;
    if (!going()) {
      unread += rest;
    } else if (rest > 0) {
      stop("more than " + size_in_words(limits.block) + " of headers in one block", rest + cut);
    }
  }

  /// Decodes `size` octets of a header block, or its end.
  void decode(const std::uint8_t* in, std::size_t size, bool final) {
    static const std::uint8_t nothing = 0;
    if (in == nullptr) in = &nothing;
    while (true) {
      nghttp2_nv field;
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater.get(), &field, &flags, in, size, final ? 1 : 0);
      if (used < 0) return stop(undecodable(), size + cut);
      in += used;
      size -= static_cast<std::size_t>(used);
      cut += static_cast<std::uint64_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        if (!note(field)) return stop(over, size + cut);
        cut = 0;
        continue;
      }
      if (size == 0 || used == 0) return;
    }
  }

  bool note(const nghttp2_nv& field) {
    const auto cost = field.namelen + field.valuelen + kFieldOverhead;
    list += cost;
    fields += cost;
    if (list > limits.list) over = "more than " + size_in_words(limits.list) + " of headers in one block, decoded";
    if (fields > limits.fields) over = "more than " + size_in_words(limits.fields) + " of headers, decoded";
    if (!over.empty()) return false;
    requests[place].fields.push_back({text(field.name, field.namelen), text(field.value, field.valuelen)});
    return true;
  }

  std::string undecodable() const {
    return "a header block that cannot be decoded: malformed, or with a table or a value of more than " +
           size_in_words(limits.table);
  }

  void malformed(const std::string& why, std::uint64_t left = 0) { stop("malformed: " + why, left); }

  /// `left`: octets at hand that were not read.
  void stop(const std::string& why, std::uint64_t left = 0) {
    stopped = why;
    unread += left;
    cut = 0;
  }

  Http2Limits limits;
  std::unique_ptr<nghttp2_hd_inflater, DeleteInflater> inflater;
  FrameSplitter splitter;
  std::vector<Http2Request> requests;
  std::unordered_map<std::uint32_t, std::size_t> places;  ///< of streams in `requests`
  std::string stopped;
  std::string over;  ///< which limit a field would pass
  std::uint64_t unread = 0;
  std::uint64_t cut = 0;
  std::uint64_t other = 0;
  std::size_t frames = 0;
  std::size_t fields = 0;
  std::size_t data = 0;

  FrameHead head;
  std::size_t place = 0;    ///< of its stream in `requests`
  std::size_t skip = 0;     ///< octets before its content
  std::size_t content = 0;  ///< octets of its content that are still to come
  bool pad_due = false;     ///< the length of its padding comes next

  bool in_block = false;  ///< since a HEADERS frame, until END_HEADERS
  std::uint32_t block_stream = 0;
  std::size_t block = 0;
  std::size_t list = 0;
};

Http2Reader::Http2Reader(const Http2Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
Http2Reader::~Http2Reader() = default;
Http2Reader::Http2Reader(Http2Reader&&) noexcept = default;
Http2Reader& Http2Reader::operator=(Http2Reader&&) noexcept = default;

void Http2Reader::feed(std::span<const unsigned char> data) {
  impl_->unread += impl_->splitter.feed(data, *impl_).size();
}

const std::vector<Http2Request>& Http2Reader::requests() const noexcept { return impl_->requests; }
const std::string& Http2Reader::stopped() const noexcept { return impl_->stopped; }
std::uint64_t Http2Reader::unread() const noexcept { return impl_->unread; }
std::uint64_t Http2Reader::cut() const noexcept { return impl_->cut; }
std::uint64_t Http2Reader::other() const noexcept { return impl_->other; }

}  // namespace pindrill

#include "pindrill/http.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>
#include <optional>

#include "http2_frames.h"

namespace pindrill {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 section 3.4
constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::size_t kLastChunk = 5;      ///< "0", and two ends of lines
constexpr std::size_t kMaxLine = 1024;     ///< of a request line that is kept
constexpr std::size_t kMaxSecrets = 1024;  ///< of one connection; whoever makes up so many can hide another

bool is_secret_character(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string redacted(std::string line) {
  for (std::size_t at = 0; (at = line.find(kSecretPrefix, at)) != std::string::npos;) {
    auto end = at + kSecretPrefix.size();
    while (end < line.size() && is_secret_character(line[end])) ++end;
    line.replace(at, end - at, "<secret>");
    at += 8;
  }
  const auto query = line.find('?');
  if (query != std::string::npos) {
    const auto end = line.find(' ', query);
    line.replace(query + 1, (end == std::string::npos ? line.size() : end) - query - 1, "<redacted>");
  }
  return line;
}

/// May `line`, if `whole` without its end, start an HTTP/1 request? Beast says so only once the head is complete.
bool starts_request(std::string_view line, bool whole) {
  constexpr std::size_t longest_method = 32;
  const auto method = line.substr(0, line.find(' '));
  const bool letters = std::all_of(method.begin(), method.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
  if (!letters || method.size() > longest_method) return false;
  if (!whole) return true;
  const auto version = line.rfind(' ');
  return !method.empty() && version != std::string_view::npos && line.substr(version).starts_with(" HTTP/1.");
}

/// A body that is counted and not kept.
struct CountedBody {
  struct value_type {
    std::uint64_t size = 0;
  };

  class reader {
   public:
    template <bool isRequest, class Fields>
    reader(beast_http::header<isRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, boost::beast::error_code& error) { error = {}; }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      error = {};
      const auto size = boost::asio::buffer_size(buffers);
      body_.size += size;
      return size;
    }

    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

/// The frames after an HTTP/2 preface, far enough to tell boilerplate from a request.
class FrameReader {
 public:
  void feed(std::string_view data) {
    splitter_.feed({reinterpret_cast<const unsigned char*>(data.data()), data.size()}, *this);
  }

  static bool going() { return true; }

  void begin(const FrameHead& head) {
    plain_ = is_boilerplate(head.type, head.length);
    if (head.type == frame_headers) progress = std::max(progress, Progress::headers);
    if (head.type == frame_data) progress = std::max(progress, Progress::body);
    count(kFrameHead);
  }

  void payload(std::span<const unsigned char> piece) { count(piece.size()); }
  void end() {}

  Progress progress = Progress::boilerplate;
  std::uint64_t boilerplate = 0;
  std::uint64_t other = 0;

 private:
  void count(std::size_t size) { (plain_ ? boilerplate : other) += size; }

  FrameSplitter splitter_;
  bool plain_ = true;
};

}  // namespace

struct RequestReader::Impl {
  Impl() {
    parser.emplace();
    parser->body_limit(std::numeric_limits<std::uint64_t>::max());
    parser->header_limit(kMaxHead);
    parser->eager(true);
  }

  void feed_http1(std::string_view data) {
    total += data.size();
    if (line_open) {
      const auto end = data.find('\n');
      if (line.size() < kMaxHead) line += data.substr(0, end);
      if (end != std::string_view::npos) line_open = false;
      if (!starts_request(line, !line_open)) broken = true;
    }
    if (broken) return;
    if (parser->is_done()) {
      beyond += data.size();
      return;
    }
    const auto before = pending.size();
    pending += data;
    // Beast takes part of a head for good or bad depending on where it was cut: it gets whole ones.
    head_whole = head_whole || pending.find("\r\n\r\n", before < 3 ? 0 : before - 3) != std::string::npos;
    if (!head_whole) {
      broken = pending.size() > kMaxHead;
      return;
    }
    // Beast asserts that the chunk "0" of a body without others comes whole once its first line is there.
    if (needs_more && pending.size() < kLastChunk && pending.starts_with('0')) return;
    boost::beast::error_code error;
    while (!pending.empty() && !parser->is_done()) {
      const auto used = parser->put(boost::asio::buffer(pending), error);
      pending.erase(0, used);
      needs_more = error == beast_http::error::need_more;
      if (needs_more || (!error && used == 0)) break;
      if (error) {
        broken = true;
        pending.clear();
        return;
      }
    }
    if (parser->is_done()) {
      beyond = pending.size();
      pending = {};
    }
    if (pending.size() > kMaxHead) broken = true;
  }

  void feed(std::string_view data) {
    if (h2) {
      frames.feed(data);
      return;
    }
    if (!decided) {
      start += data;
      const auto shared = std::min(start.size(), kPreface.size());
      if (start.compare(0, shared, kPreface, 0, shared) == 0 && start.size() < kPreface.size()) return;
      decided = true;
      h2 = start.compare(0, shared, kPreface, 0, shared) == 0;
      const std::string all = std::move(start);
      start.clear();
      if (h2) {
        frames.feed(std::string_view(all).substr(kPreface.size()));
      } else {
        feed_http1(all);
      }
      return;
    }
    feed_http1(data);
  }

  std::string start;  ///< while it may still be the HTTP/2 preface
  bool decided = false;
  bool h2 = false;
  FrameReader frames;
  std::optional<beast_http::request_parser<CountedBody>> parser;
  std::string pending;
  std::string line;
  bool line_open = true;
  bool head_whole = false;
  bool needs_more = false;
  bool broken = false;
  std::uint64_t total = 0;
  std::uint64_t beyond = 0;  ///< the end of the request
};

RequestReader::RequestReader() : impl_(std::make_unique<Impl>()) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

void RequestReader::feed(std::span<const unsigned char> data) {
  impl_->feed({reinterpret_cast<const char*>(data.data()), data.size()});
}

Progress RequestReader::progress() const noexcept {
  if (!impl_->decided) return impl_->start.empty() ? Progress::nothing : Progress::request_line;
  if (impl_->h2) return impl_->frames.progress;
  if (impl_->broken) return Progress::other;
  if (!impl_->parser->is_header_done()) return Progress::request_line;
  return impl_->parser->get().body().size == 0 ? Progress::headers : Progress::body;
}

bool RequestReader::complete() const noexcept {
  return impl_->decided && !impl_->h2 && !impl_->broken && impl_->parser->is_done();
}

std::uint64_t RequestReader::beyond() const noexcept { return impl_->beyond; }

std::uint64_t RequestReader::boilerplate_bytes() const noexcept {
  return impl_->h2 ? kPreface.size() + impl_->frames.boilerplate : 0;
}

std::uint64_t RequestReader::data_bytes() const noexcept {
  // Part of a preface may be the beginning of something else: PROPFIND.
  if (!impl_->decided) return impl_->start.size();
  return impl_->h2 ? impl_->frames.other : impl_->total;
}

std::string RequestReader::request_line() const {
  // Part of a line may be the credentials of another protocol: nothing of it is kept.
  if (!impl_->decided || impl_->h2 || impl_->broken || impl_->line_open) return {};
  auto line = impl_->line;
  if (line.ends_with('\r')) line.pop_back();
  return redacted(std::move(line)).substr(0, kMaxLine);
}

void SecretScanner::feed(std::span<const unsigned char> data) {
  tail_.append(reinterpret_cast<const char*>(data.data()), data.size());
  for (std::size_t at = 0; (at = tail_.find(kSecretPrefix, at)) != std::string::npos; ++at) {
    const auto secret = tail_.substr(at, kSecretLength);
    const bool whole = secret.size() == kSecretLength &&
                       std::all_of(secret.begin() + kSecretPrefix.size(), secret.end(), is_secret_character);
    const bool known = std::find(found_.begin(), found_.end(), secret) != found_.end();
    if (whole && !known && found_.size() < kMaxSecrets) found_.push_back(secret);
  }
  if (tail_.size() >= kSecretLength) tail_.erase(0, tail_.size() - kSecretLength + 1);
}

}  // namespace pindrill

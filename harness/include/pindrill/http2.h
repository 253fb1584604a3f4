#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pindrill {

/// How much of one client is read. Sizes are octets; a decoded field counts its name, its value and 32 (RFC 9113
/// section 6.5.2), so that many small ones are bounded as well.
struct Http2Limits {
  std::size_t frames = 8192;
  std::size_t streams = 1024;
  std::size_t block = 64 * 1024;    ///< of one header block as it was sent, its CONTINUATION frames included
  std::size_t list = 64 * 1024;     ///< of the fields of one header block
  std::size_t fields = 256 * 1024;  ///< of all fields of the connection
  std::size_t data = 256 * 1024;    ///< of all DATA of the connection
  std::uint32_t table =
      64 * 1024;  ///< of the dynamic table; a client uses what its server allows it, which is not seen
};

struct Http2Field {
  std::string name = {};
  std::string value = {};

  bool operator==(const Http2Field&) const = default;
};

/// What was read of one stream: all its fields, trailers among them, and its DATA without padding.
struct Http2Request {
  std::uint32_t stream = 0;
  std::vector<Http2Field> fields = {};
  std::string body = {};
};

/// Reads what a client says after the preface (RFC 9113 section 3.4), in pieces of any size. It takes no part in the
/// connection: it answers nothing and enforces nothing that a peer would, for what was sent could be read whatever a
/// server makes of it. Fields are there as soon as they are whole, also those of a block that is not. Work and memory
/// grow with the octets that were fed and no faster.
class Http2Reader {
 public:
  explicit Http2Reader(const Http2Limits& limits = {});
  ~Http2Reader();
  Http2Reader(Http2Reader&&) noexcept;
  Http2Reader& operator=(Http2Reader&&) noexcept;

  void feed(std::span<const unsigned char> data);
  /// In the order of their first frames.
  const std::vector<Http2Request>& requests() const noexcept;
  /// Why the reading ended, in words ("more than 1024 streams"); "" if it goes on. What was read before stands.
  const std::string& stopped() const noexcept;
  /// Octets that were not read because it had ended.
  std::uint64_t unread() const noexcept;
  /// Octets of a header block after its last whole field, where the rest has not come.
  std::uint64_t cut() const noexcept;
  /// Octets in frames that are neither HEADERS, CONTINUATION and DATA nor boilerplate: they may hold anything.
  std::uint64_t other() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pindrill

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "client_hello.h"
#include "pindrill/http.h"
#include "pindrill/observation.h"
#include "pindrill/tls.h"

namespace pindrill {

/// Notes of one client's connection, whoever serves it, what does not take a TLS engine to know: what it begins with,
/// what of it was readable, how far the answer has come, and how it ended. No socket.
class Witness {
 public:
  /// Notes in `facts`, which must outlive it, that the client is here.
  explicit Witness(Observation& facts);

  /// Octets of the client as the socket gave them.
  void came(std::span<const unsigned char> bytes);
  /// Takes the first of them until it is clear what they begin.
  Begins begins(std::span<const unsigned char> bytes);
  /// All of them, as long as it is not clear.
  const Bytes& first() const noexcept { return first_; }
  Bytes take_first() { return std::exchange(first_, {}); }
  /// Takes the client's octets to its TLS engine. Returns what could be read of them, once heard.
  Bytes decrypt(Connection& tls, std::span<const unsigned char> bytes);
  /// Octets of a TLS connection that no engine takes any more.
  void passes(std::span<const unsigned char> bytes);
  /// What came in plain text.
  void heard_plain(std::span<const unsigned char> data);

  /// A whole HTTP/1.1 request was heard.
  bool complete() const noexcept { return request_ && request_->complete(); }
  /// Octets of what was heard last that stand behind the end of that request.
  std::size_t beyond() const noexcept { return beyond_; }

  /// `total` octets for the client are in the kernel.
  void written(std::uint64_t total);
  /// The answer is sent as soon as so many octets are in the kernel. The first call counts.
  void answers_at(std::uint64_t total);
  /// The client's end. The first one counts: a reset may follow on a FIN. What was too short to tell is no TLS.
  void ended(Ended how);

 private:
  void heard(std::span<const unsigned char> data);
  void note_written();

  Observation& facts_;
  Bytes first_;
  std::optional<RequestReader> request_;  ///< most connections that refuse never need it
  SecretScanner readable_;
  SecretScanner raw_;  ///< a client may go on in plain text on the socket of its TLS
  std::size_t beyond_ = 0;
  std::uint64_t answer_ = 0;
};

}  // namespace pindrill

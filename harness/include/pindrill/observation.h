#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pindrill {

/// Times are nanoseconds of the monotonic clock (CLOCK_MONOTONIC); 0 means that it never happened.
using Nanoseconds = std::int64_t;

Nanoseconds monotonic_now() noexcept;

struct Alert {
  bool sent = false;  ///< by us; otherwise by the client
  int level = 0;
  int number = 0;
  bool encrypted = false;
  Nanoseconds at = 0;
};

/// What the client offered (RFC 8446 section 4.1.2).
struct ClientHello {
  std::string sni;
  std::vector<std::string> alpn;
  std::vector<std::uint16_t> versions;
  std::vector<std::uint16_t> groups;
  std::vector<std::uint16_t> signature_algorithms;
  bool psk_offered = false;  ///< a TLS 1.3 PSK or a TLS 1.2 ticket
  bool early_data_offered = false;
  std::string ja4 = {};    ///< the TLS stack's fingerprint, with the name and ALPN in it
  std::string stack = {};  ///< the same, without what one stack varies from connection to connection
  Nanoseconds at = 0;
};

/// How far the client spoke.
enum class Progress {
  nothing,
  boilerplate,   ///< h2 preface, SETTINGS, WINDOW_UPDATE, PING, GOAWAY without debug data: nothing of the user's
  request_line,  ///< the head of a request, not yet complete
  headers,
  body,
  other,  ///< application data of no protocol that is read here
};

enum class Ended { open, fin, reset };

/// The facts about one connection. Nothing here judges.
struct Observation {
  std::uint64_t number = 0;  ///< in order of acceptance, from 1, per server
  std::string credential;    ///< label of the credential that it was shown
  Nanoseconds accepted_at = 0;

  bool plaintext = false;  ///< it began with what is no TLS
  std::optional<ClientHello> hello = {};
  std::string tls_version = {};  ///< as soon as the ServerHello chose it
  std::string cipher = {};
  std::string alpn = {};
  bool resumed = false;
  bool client_certificate = false;
  Nanoseconds flight_made_at = 0;  ///< our flight with the certificate was encoded
  Nanoseconds flight_sent_at = 0;  ///< its last byte was in the kernel
  Nanoseconds finished_at = 0;     ///< the client's Finished was verified
  std::vector<Alert> alerts = {};
  std::string failure = {};  ///< our TLS engine's words when it gave up: evidence, never a reason

  Progress progress = Progress::nothing;
  std::uint64_t boilerplate_bytes = 0;
  std::uint64_t data_bytes = 0;  ///< readable application data beyond boilerplate, early data included
  std::uint64_t early_data_bytes = 0;
  Nanoseconds first_data_at = 0;
  std::string request_line = {};          ///< secrets and query values redacted
  std::vector<std::string> secrets = {};  ///< request secrets seen in readable data
  /// Request secrets that stood in the bytes of a TLS connection as they are: before, behind or instead of its records.
  std::vector<std::string> plain_secrets = {};
  /// What came after the client's alert had ended the TLS connection, and that nobody can decrypt any more.
  std::uint64_t unread_bytes = 0;

  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Nanoseconds response_sent_at = 0;  ///< the last byte of the answer was in the kernel
  bool close_notify = false;         ///< the client's
  Ended ended = Ended::open;
  Nanoseconds ended_at = 0;
};

}  // namespace pindrill

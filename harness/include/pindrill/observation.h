#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace pindrill {

/// Times are nanoseconds of the monotonic clock (CLOCK_MONOTONIC); 0 means that it never happened.
using Nanoseconds = std::int64_t;

Nanoseconds monotonic_now() noexcept;

// A record of facts is a struct, and beneath it the table of its fields. All else that tells a fact by name follows the
// table: the bindings, the Python types and the published schema (`ci/generate.py` writes those).

/// What is special about a fact.
enum class Mark {
  none,
  later,        ///< results of earlier versions do not have it
  unknowable,   ///< Python: None where it could not be known
  told_in_part  ///< a request line: Python tells words as they are, of all else the length
};

template <class Record, class Value>
struct Fact {
  std::string_view name;  ///< of the field, everywhere
  Value Record::*field;
  std::string_view meaning;
  Mark mark = Mark::none;
};
template <class Record, class Value>
Fact(std::string_view, Value Record::*, std::string_view) -> Fact<Record, Value>;
template <class Record, class Value>
Fact(std::string_view, Value Record::*, std::string_view, Mark) -> Fact<Record, Value>;

/// The table of a record: a tuple of facts, in the order of its fields.
template <class Record>
inline constexpr auto kFacts = nullptr;

/// The words for the values of an enumeration, in order.
template <class Enum>
inline constexpr auto kWords = nullptr;

/// As many fields as facts, of the same types in the same order: one more would take the {}.
template <class Record, class... Values>
consteval bool covers(const std::tuple<Fact<Record, Values>...>&) {
  return requires { Record{std::declval<Values>()...}; }
  &&!requires { Record{std::declval<Values>()..., {}}; };
}

// --- an alert ----------------------------------------------------------------------------------------------------

struct Alert {
  bool sent = false;
  std::uint8_t level = 0;
  std::uint8_t number = 0;
  bool encrypted = false;
  Nanoseconds at = 0;
};

template <>
inline constexpr auto kFacts<Alert> = std::tuple{
    Fact{"sent", &Alert::sent, "By us; false: by the client."},
    Fact{"level", &Alert::level, "1 is a warning, 2 is fatal; TLS 1.3 gives it no meaning (RFC 8446 section 6)."},
    Fact{"number", &Alert::number, "Its description, as TLS numbers them."},
    Fact{"encrypted", &Alert::encrypted, "null: not known to who saw it (mitmproxy).", Mark::unknowable},
    Fact{"at", &Alert::at, "When it was read or written."},
};
static_assert(covers(kFacts<Alert>));

// --- a ClientHello -----------------------------------------------------------------------------------------------

/// What the client offered (RFC 8446 section 4.1.2).
struct ClientHello {
  std::string sni;
  std::vector<std::string> alpn;
  std::vector<std::uint16_t> versions;
  std::vector<std::uint16_t> groups;
  std::vector<std::uint16_t> signature_algorithms;
  bool psk_offered = false;
  bool early_data_offered = false;
  std::string ja4 = {};
  std::string stack = {};
  Nanoseconds at = 0;
};

template <>
inline constexpr auto kFacts<ClientHello> = std::tuple{
    Fact{"sni", &ClientHello::sni, "The server name; empty: none was sent."},
    Fact{"alpn", &ClientHello::alpn, "Application protocols offered."},
    Fact{"versions", &ClientHello::versions, "TLS versions offered, as code points."},
    Fact{"groups", &ClientHello::groups, "Key exchange groups offered, as code points."},
    Fact{"signature_algorithms", &ClientHello::signature_algorithms, "Signature algorithms offered, as code points."},
    Fact{"psk_offered", &ClientHello::psk_offered,
         "It wants to resume a session: it offers a TLS 1.3 PSK or a TLS 1.2 ticket."},
    Fact{"early_data_offered", &ClientHello::early_data_offered, "It wants to send early data."},
    Fact{"ja4", &ClientHello::ja4, "The JA4 fingerprint of the client, with the name and ALPN in it.", Mark::later},
    Fact{"stack", &ClientHello::stack,
         "JA4 without what one TLS stack varies from connection to connection: the name, ALPN, padding, resumption.",
         Mark::later},
    Fact{"at", &ClientHello::at, "When it was whole."},
};
static_assert(covers(kFacts<ClientHello>));

// --- a connection ------------------------------------------------------------------------------------------------

/// How far the client spoke.
enum class Progress {
  nothing,
  boilerplate,   ///< h2 preface, SETTINGS, WINDOW_UPDATE, PING, GOAWAY without debug data: nothing of the user's
  request_line,  ///< the head of a request, not yet complete
  headers,
  body,
  other,  ///< application data of no protocol that is read here
};

template <>
inline constexpr auto kWords<Progress> = std::to_array<std::string_view>({"nothing", "boilerplate", "request-line",
                                                                          "headers", "body", "other"});

enum class Ended { open, fin, reset };

template <>
inline constexpr auto kWords<Ended> = std::to_array<std::string_view>({"open", "fin", "reset"});

/// The facts about one connection. Nothing here judges.
struct Observation {
  std::uint64_t number = 0;
  std::string credential;
  Nanoseconds accepted_at = 0;

  bool plaintext = false;
  std::optional<ClientHello> hello = {};
  std::string tls_version = {};
  std::string cipher = {};
  std::string alpn = {};
  bool resumed = false;
  std::string resumed_from = {};
  std::uint64_t resumed_connection = 0;
  bool ticket_declined = false;
  std::uint64_t tickets_sent = 0;
  bool client_certificate = false;
  Nanoseconds flight_made_at = 0;
  Nanoseconds flight_sent_at = 0;
  Nanoseconds finished_at = 0;
  std::vector<Alert> alerts = {};
  std::string failure = {};

  Progress progress = Progress::nothing;
  std::uint64_t boilerplate_bytes = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t early_data_bytes = 0;
  Nanoseconds first_data_at = 0;
  std::string request_line = {};
  std::vector<std::string> secrets = {};
  std::vector<std::string> plain_secrets = {};
  std::uint64_t unread_bytes = 0;

  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Nanoseconds response_sent_at = 0;
  bool close_notify = false;
  Ended ended = Ended::open;
  Nanoseconds ended_at = 0;
};

template <>
inline constexpr auto kFacts<Observation> = std::tuple{
    Fact{"number", &Observation::number, "Which connection of its server, in order of acceptance, from 1."},
    Fact{"credential", &Observation::credential, "Label of the credential that it was shown."},
    Fact{"accepted_at", &Observation::accepted_at, "When it was accepted."},
    Fact{"plaintext", &Observation::plaintext,
         "It did not begin with a TLS handshake record, nor with the ClientHello of SSL 2.0 that old clients open TLS "
         "with."},
    Fact{"hello", &Observation::hello, "The ClientHello; null: there was none."},
    Fact{"tls_version", &Observation::tls_version, "The version that the server chose; empty: it chose none."},
    Fact{"cipher", &Observation::cipher, "The cipher suite negotiated; empty: none was."},
    Fact{"alpn", &Observation::alpn, "The application protocol negotiated; empty: none was."},
    Fact{"resumed", &Observation::resumed, "The handshake resumed a session: no certificate was shown."},
    Fact{"resumed_from", &Observation::resumed_from,
         "Label of the credential that was shown when that session began: the connection stands for it. Empty: none.",
         Mark::later},
    Fact{"resumed_connection", &Observation::resumed_connection,
         "Number of the connection on which that session began; 0: none.", Mark::later},
    Fact{"ticket_declined", &Observation::ticket_declined,
         "It offered a ticket of this server, which was told to take none.", Mark::later},
    Fact{"tickets_sent", &Observation::tickets_sent, "Tickets that it was sent.", Mark::later},
    Fact{"client_certificate", &Observation::client_certificate, "The client sent its certificate."},
    Fact{"flight_made_at", &Observation::flight_made_at, "When our flight with the certificate was encoded."},
    Fact{"flight_sent_at", &Observation::flight_sent_at,
         "When the kernel had taken the whole flight, which on a resumed connection ends with our Finished."},
    Fact{"finished_at", &Observation::finished_at, "When the client's Finished was verified."},
    Fact{"alerts", &Observation::alerts, "All alerts, in order."},
    Fact{"failure", &Observation::failure,
         "Our TLS engine's words when it gave up, which are evidence and never a reason; empty: it did not."},
    Fact{"progress", &Observation::progress, "How far the client's request came."},
    Fact{"boilerplate_bytes", &Observation::boilerplate_bytes,
         "Readable bytes that carry nothing of the user's: the HTTP/2 preface and its settings."},
    Fact{"data_bytes", &Observation::data_bytes, "All other readable bytes that the client sent, early data included."},
    Fact{"early_data_bytes", &Observation::early_data_bytes, "Readable bytes of early data."},
    Fact{"first_data_at", &Observation::first_data_at, "When the first readable byte came."},
    Fact{"request_line", &Observation::request_line, "With secrets and values redacted.", Mark::told_in_part},
    Fact{"secrets", &Observation::secrets, "The request secrets that were readable."},
    Fact{"plain_secrets", &Observation::plain_secrets,
         "The request secrets in plain text on the socket of a TLS connection: before, behind or instead of its "
         "records.",
         Mark::later},
    Fact{"unread_bytes", &Observation::unread_bytes,
         "What came after the client's alert had ended the TLS connection, and that nobody could decrypt any more.",
         Mark::later},
    Fact{"bytes_in", &Observation::bytes_in, "Bytes from the socket."},
    Fact{"bytes_out", &Observation::bytes_out, "Bytes to the socket."},
    Fact{"response_sent_at", &Observation::response_sent_at, "When the kernel had taken the whole response."},
    Fact{"close_notify", &Observation::close_notify, "The client closed the TLS connection in the orderly way."},
    Fact{"ended", &Observation::ended, "How the client's side of the TCP connection ended."},
    Fact{"ended_at", &Observation::ended_at, "When it did."},
};
static_assert(covers(kFacts<Observation>));

}  // namespace pindrill

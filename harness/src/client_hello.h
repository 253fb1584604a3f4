#pragma once

#include <span>

#include "pindrill/observation.h"

namespace pindrill {

enum class Begins { tls, plain, unclear };

/// What a client begins with: a handshake record, or the ClientHello of SSL 2.0 that old clients open TLS with (RFC
/// 5246 appendix E.2), is TLS. The only place where this is decided. `bytes`: all so far, at least one.
Begins begins(std::span<const unsigned char> bytes);

/// A ClientHello message with its handshake header (RFC 8446 section 4). What is cut off or malformed is left out.
ClientHello read_client_hello(std::span<const unsigned char> message);

/// The same in the format of SSL 2.0, from its message type on; it has no extensions.
ClientHello read_ssl2_client_hello(std::span<const unsigned char> message);

}  // namespace pindrill

#pragma once

#include <span>

#include "pindrill/observation.h"

namespace pindrill {

/// A ClientHello message with its handshake header (RFC 8446 section 4). What is cut off or malformed is left out.
ClientHello read_client_hello(std::span<const unsigned char> message);

}  // namespace pindrill

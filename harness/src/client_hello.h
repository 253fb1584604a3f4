#pragma once

#include "pindrill/observation.h"
#include "pindrill/ossl.h"

namespace pindrill {

/// Reads the ClientHello; only valid inside OpenSSL's client hello callback.
ClientHello read_client_hello(SSL* ssl);

}  // namespace pindrill

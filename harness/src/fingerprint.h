#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pindrill/observation.h"

namespace pindrill {

struct Offer {
  const std::vector<std::uint16_t>& ciphers;
  const std::vector<std::uint16_t>& extensions;  ///< types, as they came
  const ClientHello& hello;
};

/// The JA4 fingerprint of a TLS client over TCP (FoxIO, "JA4: TLS Client Fingerprint").
std::string ja4(const Offer& offer);

/// As JA4, without what one TLS stack varies from connection to connection: the name, ALPN, padding, resumption.
std::string stack_fingerprint(const Offer& offer);

}  // namespace pindrill

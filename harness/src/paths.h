#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pindrill/pki.h"

namespace pindrill {

/// Leaf first, anchor last.
using Path = std::vector<Certificate>;

struct ValidPaths {
  std::vector<Path> paths;
  std::string first_error;  ///< why the first candidate failed; "" when none was tried
  bool complete = true;     ///< false: more candidates than are looked at
};

/// Every path from the first presented certificate to a trusted one that OpenSSL finds valid on its own.
/// An empty `host` is not checked.
ValidPaths valid_paths(const std::vector<Certificate>& trust, const std::vector<Certificate>& presented,
                       const std::string& host, std::int64_t at);

}  // namespace pindrill

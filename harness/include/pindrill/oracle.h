#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pindrill/pin.h"

namespace pindrill {

/// Which certificates a pin is compared with.
enum class Position {
  validated,  ///< any certificate of the validated chain (RFC 7469 section 2.6)
  leaf,       ///< the server's own certificate
  presented,  ///< any certificate that the server sent, in the path or not
};

/// What a pin does to ordinary validation.
enum class PinMode {
  restrict_,  ///< PKIX and pin
  replace,    ///< the pin instead of PKIX: chain, name and dates are not looked at
  add,        ///< PKIX or pin
};

/// How a client declares that it pins. The default is RFC 7469 section 2.6.
struct Semantics {
  Position position = Position::validated;
  PinMode mode = PinMode::restrict_;
  bool host = true;  ///< false: the pin switches the host name check off (urllib3)
};

enum class Answer { accept, refuse, report };

struct Decision {
  Answer answer;
  std::string reason;        ///< one sentence
  std::string matched = {};  ///< subject of the certificate that a pin matched
  int valid_paths = 0;
  bool pins_apply = false;    ///< a pin set covers the host and has not expired
  bool expired_pins = false;  ///< a pin set covers the host and has expired
};

/// Must a correct client accept `presented` for `host` at `at` (seconds since the epoch)?
/// Every path from the leaf to an anchor is validated alone, by OpenSSL; `report` where only some of the valid
/// paths match a pin, for clients choose paths differently.
Decision decide(const std::vector<PinSet>& pin_sets, const std::vector<Certificate>& trust,
                const std::vector<Certificate>& presented, const std::string& host, std::int64_t at,
                const Semantics& semantics = {});

}  // namespace pindrill

#include "pindrill/ossl.h"

#include <openssl/err.h>

#include <array>

namespace pindrill {

void check(bool ok, const char* what) {
  if (ok) {
    ERR_clear_error();
    return;
  }
  std::string text = what;
  while (const unsigned long code = ERR_get_error()) {
    std::array<char, 256> reason{};
    ERR_error_string_n(code, reason.data(), reason.size());
    text += ": ";
    text += reason.data();
  }
  throw Error(ErrorKind::library, text);
}

}  // namespace pindrill

#include "pindrill/ossl.h"

#include <openssl/err.h>

#include <array>
#include <new>

namespace pindrill {

void check(bool ok, const char* what) {
  if (ok) {
    if (ERR_peek_error() != 0) ERR_clear_error();
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

std::string take_error_words() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  forget_errors();
  return reason ? reason : "";
}

void forget_errors() noexcept { ERR_clear_error(); }

void forget_misses() {
  bool out_of_memory = false;
  while (const unsigned long code = ERR_get_error()) {
    out_of_memory = out_of_memory || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
  }
  if (out_of_memory) throw std::bad_alloc();
}

}  // namespace pindrill

// What is read as a pin prints as the same pin in every form; everything else is an Error{input}.

#include "pindrill/pin.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pindrill;
  try {
    const auto pin = Pin::parse({reinterpret_cast<const char*>(data), size}, PinOf::spki);
    const bool same = Pin::parse(pin.base64(), PinOf::spki) == pin && Pin::parse(pin.hex(), PinOf::spki) == pin &&
                      Pin::parse(pin.colon_hex(), PinOf::spki) == pin &&
                      Pin::parse("sha256/" + pin.base64(), PinOf::spki) == pin &&
                      Pin::parse("sha256//" + pin.base64(), PinOf::spki) == pin;
    if (!same) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) std::abort();
  }
  return 0;
}

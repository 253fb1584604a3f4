#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "pindrill/pki.h"

namespace pindrill::bench {

inline std::string text_of(const char* path) {
  std::ifstream file(path);
  if (!file) throw Error(ErrorKind::input, std::string("cannot read ") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// From the same two PEM files that the peers are given.
inline std::shared_ptr<const Credential> credential(const char* key, const char* chain) {
  return std::make_shared<const Credential>(
      Credential{KeyPair::from_pem(text_of(key)), Certificate::list_from_pem(text_of(chain))});
}

}  // namespace pindrill::bench

#pragma once

#include <stdexcept>
#include <string>

namespace pindrill {

/// Whose fault a failure is; one error type instead of a tree of them.
enum class ErrorKind {
  input,    ///< what the caller passed cannot be used
  library,  ///< OpenSSL refused an operation that should work
  system,   ///< the operating system refused (sockets, files)
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace pindrill

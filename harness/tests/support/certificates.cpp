#include "support/certificates.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "support/command.h"

namespace pindrill::test {

ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::system;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string described(const Certificate& certificate) {
  return openssl_text({"x509", "-noout", "-text", "-nameopt", "RFC2253"}, certificate.pem());
}

std::string extension(const Certificate& certificate, const std::string& name) {
  return openssl_text({"x509", "-noout", "-ext", name}, certificate.pem());
}

std::string colons(const Bytes& bytes) {
  std::string text;
  std::array<char, 4> octet{};
  for (const auto byte : bytes) {
    std::snprintf(octet.data(), octet.size(), "%02X:", byte);
    text += octet.data();
  }
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace pindrill::test

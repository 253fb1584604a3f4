#pragma once

#include <functional>
#include <string>

#include "pindrill/pki.h"

namespace pindrill::test {

/// Of what the work throws; that it throws nothing fails the test.
ErrorKind kind_of(const std::function<void()>& work);

bool holds(const std::string& text, const std::string& part);

/// A certificate in the words of the openssl command.
std::string described(const Certificate& certificate);
std::string extension(const Certificate& certificate, const std::string& name);

/// "AB:CD" as the command prints it.
std::string colons(const Bytes& bytes);

}  // namespace pindrill::test

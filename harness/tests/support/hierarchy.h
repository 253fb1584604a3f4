#pragma once

#include <string>
#include <vector>

#include "pindrill/pki.h"
#include "pindrill/rotation.h"

namespace pindrill::test {

inline constexpr const char* kHost = "app.pin.test";

CertificateSpec authority_spec(const std::string& common_name);
CertificateSpec leaf_spec(const std::string& host = kHost);

/// root -> intermediate -> leaf, all P-256, fresh.
struct Hierarchy {
  explicit Hierarchy(const std::string& name = "Genuine");

  Credential credential() const { return present(issuance()); }
  Issuance issuance() const { return {leaf_key, leaf_spec(), intermediate, {intermediate.certificate()}}; }

  Authority root;
  Authority intermediate;
  KeyPair leaf_key;
};

std::string pem_of(const std::vector<Certificate>& certificates);

/// `openssl verify` with `trust` as the only anchors; "" when it accepts, its words otherwise.
std::string cli_verify(const std::vector<Certificate>& trust, const std::vector<Certificate>& presented,
                       const std::vector<std::string>& options = {});

}  // namespace pindrill::test

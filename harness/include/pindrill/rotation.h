#pragma once

#include <vector>

#include "pindrill/pki.h"

namespace pindrill {

/// What it takes to issue a leaf again: whose key, for which names, by whom, with which issuers presented.
/// A rotation turns one issuance into the next; `present` mints what a server then shows.
struct Issuance {
  KeyPair key;
  CertificateSpec spec;
  Authority issuer;
  std::vector<Certificate> presented;  ///< sent after the leaf, the issuer's own certificate first
};

/// The leaf that it comes to. Fresh serial and dates on every call.
Certificate certify(const Issuance& issuance);

/// What a server then shows: a leaf of its own on every call.
Credential present(const Issuance& issuance);

/// The same key certified again by the same issuer: what `present` of the same issuance gives.
Issuance renew(const Issuance& current);

/// A new key, the same issuer.
Issuance rekey(const Issuance& current, const KeyPair& key);

/// The same key certified by another authority.
Issuance switch_issuer(const Issuance& current, const Authority& issuer, std::vector<Certificate> presented);

/// Presents, after the others, `root` as certified by `older`: clients that know only `older` find a path.
Issuance cross_sign(const Issuance& current, const Authority& root, const Authority& older);

/// A rogue authority certifies the same names for a key of its own.
Issuance misissue(const Issuance& genuine, const Authority& rogue, std::vector<Certificate> presented,
                  const KeyPair& key);

}  // namespace pindrill

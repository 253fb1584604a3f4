#include "pindrill/rotation.h"

#include <utility>

namespace pindrill {

Certificate certify(const Issuance& issuance) { return issuance.issuer.issue(issuance.key, issuance.spec); }

Credential present(const Issuance& issuance) {
  Credential credential{issuance.key, {certify(issuance)}};
  credential.chain.insert(credential.chain.end(), issuance.presented.begin(), issuance.presented.end());
  return credential;
}

Issuance renew(const Issuance& current) { return current; }

Issuance rekey(const Issuance& current, const KeyPair& key) {
  return {key, current.spec, current.issuer, current.presented};
}

Issuance switch_issuer(const Issuance& current, const Authority& issuer, std::vector<Certificate> presented) {
  return {current.key, current.spec, issuer, std::move(presented)};
}

Issuance cross_sign(const Issuance& current, const Authority& root, const Authority& older) {
  auto next = current;
  next.presented.push_back(older.cross_sign(root));
  return next;
}

Issuance misissue(const Issuance& genuine, const Authority& rogue, std::vector<Certificate> presented,
                  const KeyPair& key) {
  return switch_issuer(rekey(genuine, key), rogue, std::move(presented));
}

}  // namespace pindrill

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "pindrill/pki.h"

namespace pindrill {
namespace {

OsslPtr<EVP_PKEY> generated(KeyType type) {
  const auto rsa = [](std::size_t bits) { return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits); };
  const auto ec = [](const char* curve) { return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve); };
  EVP_PKEY* key = nullptr;
  switch (type) {
    case KeyType::rsa2048:
      key = rsa(2048);
      break;
    case KeyType::rsa3072:
      key = rsa(3072);
      break;
    case KeyType::rsa4096:
      key = rsa(4096);
      break;
    case KeyType::rsa8192:
      key = rsa(8192);
      break;
    case KeyType::p256:
      key = ec("P-256");
      break;
    case KeyType::p384:
      key = ec("P-384");
      break;
    case KeyType::p521:
      key = ec("P-521");
      break;
    case KeyType::ed25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  return owned(key, "generate a key");
}

std::string type_name_of(EVP_PKEY* key) {
  const auto bits = std::to_string(EVP_PKEY_get_bits(key));
  if (EVP_PKEY_is_a(key, "RSA")) return "RSA-" + bits;
  if (EVP_PKEY_is_a(key, "EC")) return "P-" + bits;
  if (EVP_PKEY_is_a(key, "ED25519")) return "Ed25519";
  const char* name = EVP_PKEY_get0_type_name(key);
  return name ? name : "unknown";
}

OsslPtr<BIO> reading(std::string_view text) {
  return owned(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), "read a text");
}

std::string written(BIO* bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Refuses instead of asking on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

OsslPtr<EVP_PKEY> public_key_in(std::string_view pem) {
  const auto bio = reading(pem);
  if (contains(pem, "-----BEGIN CERTIFICATE-----")) {
    const OsslPtr<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    return certificate ? OsslPtr<EVP_PKEY>(X509_get_pubkey(certificate.get())) : nullptr;
  }
  if (contains(pem, "CERTIFICATE REQUEST-----")) {
    X509_REQ* request = PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr);
    OsslPtr<EVP_PKEY> key(request ? X509_REQ_get_pubkey(request) : nullptr);
    X509_REQ_free(request);
    return key;
  }
  return OsslPtr<EVP_PKEY>(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
}

/// The named parameters of one half of a key.
OsslPtr<OSSL_PARAM> parameters(EVP_PKEY* key, int selection) {
  OSSL_PARAM* params = nullptr;
  check(EVP_PKEY_todata(key, selection, &params) == 1, "export a key");
  return OsslPtr<OSSL_PARAM>(params);
}

}  // namespace

KeyPair::KeyPair(OsslPtr<EVP_PKEY> key, bool has_private) : has_private_(has_private) {
  auto impl = std::make_shared<Impl>();
  X509_PUBKEY* encoded = nullptr;
  check(X509_PUBKEY_set(&encoded, key.get()) == 1, "encode a public key");
  impl->encoded.reset(encoded);
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(encoded, &der);
  check(size > 0, "encode a public key");
  impl->spki.assign(der, der + size);
  OPENSSL_free(der);
  const unsigned char* bits = nullptr;
  int bit_octets = 0;
  check(X509_PUBKEY_get0_param(nullptr, &bits, &bit_octets, nullptr, encoded) == 1, "read a key");
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  std::size_t digest_size = digest.size();
  check(EVP_Q_digest(nullptr, "SHA1", nullptr, bits, static_cast<std::size_t>(bit_octets), digest.data(),
                     &digest_size) == 1,
        "digest a key");
  impl->key_id.assign(digest.begin(), digest.end());
  impl->type_name = type_name_of(key.get());
  impl->key = std::move(key);
  impl_ = std::move(impl);
}

KeyPair KeyPair::generate(KeyType type) { return {generated(type), true}; }

KeyPair KeyPair::from_pem(std::string_view pem) {
  if (contains(pem, "PRIVATE KEY-----")) {
    const auto bio = reading(pem);
    OsslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    forget_misses();
    if (!key) {
      throw Error(ErrorKind::input, "not a readable private key (encrypted keys are not read)");
    }
    return {std::move(key), true};
  }
  auto key = public_key_in(pem);
  forget_misses();
  if (!key) {
    throw Error(ErrorKind::input, "no PEM key, public key, certificate or CSR in this text");
  }
  return {std::move(key), false};
}

KeyPair KeyPair::mismatched(const KeyPair& shown, const KeyPair& signing) {
  if (shown.type_name() != signing.type_name() || !signing.has_private()) {
    throw Error(ErrorKind::input, "a mismatched key needs two keys of one type, the second private: " +
                                      shown.type_name() + ", " + signing.type_name());
  }
  const auto seen = parameters(shown.get(), EVP_PKEY_PUBLIC_KEY);
  const auto used = parameters(signing.get(), EVP_PKEY_KEYPAIR);
  // Without the CRT factors, which OpenSSL would check against the modulus.
  constexpr std::array public_names{OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E};
  constexpr std::array private_names{OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D};
  std::vector<OSSL_PARAM> mixed;
  for (const char* name : public_names) {
    if (const auto* param = OSSL_PARAM_locate_const(seen.get(), name)) mixed.push_back(*param);
  }
  for (const char* name : private_names) {
    if (const auto* param = OSSL_PARAM_locate_const(used.get(), name)) mixed.push_back(*param);
  }
  mixed.push_back(OSSL_PARAM_construct_end());
  const auto context = owned(EVP_PKEY_CTX_new_from_pkey(nullptr, shown.get(), nullptr), "key type");
  EVP_PKEY* key = nullptr;
  check(EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, mixed.data()) == 1,
        "mix two keys");
  return {OsslPtr<EVP_PKEY>(key), true};
}

std::string KeyPair::private_pem() const {
  if (!has_private_) throw Error(ErrorKind::input, "this key has no private half");
  const auto bio = owned(BIO_new(BIO_s_mem()), "write a key");
  check(PEM_write_bio_PKCS8PrivateKey(bio.get(), get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return written(bio.get());
}

std::string KeyPair::public_pem() const {
  const auto bio = owned(BIO_new(BIO_s_mem()), "write a key");
  check(PEM_write_bio_PUBKEY(bio.get(), get()) == 1, "write a key");
  return written(bio.get());
}

}  // namespace pindrill

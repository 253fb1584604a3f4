#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "pindrill/error.h"

namespace pindrill {

/// One stateless deleter for every OpenSSL handle.
struct OsslDeleter {
  void operator()(ASN1_OBJECT* p) const noexcept { ASN1_OBJECT_free(p); }
  void operator()(ASN1_OCTET_STRING* p) const noexcept { ASN1_OCTET_STRING_free(p); }
  void operator()(AUTHORITY_KEYID* p) const noexcept { AUTHORITY_KEYID_free(p); }
  void operator()(BIGNUM* p) const noexcept { BN_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
  void operator()(EVP_MD* p) const noexcept { EVP_MD_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(EVP_PKEY_CTX* p) const noexcept { EVP_PKEY_CTX_free(p); }
  void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
  void operator()(NAME_CONSTRAINTS* p) const noexcept { NAME_CONSTRAINTS_free(p); }
  void operator()(OSSL_PARAM* p) const noexcept { OSSL_PARAM_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
  void operator()(X509_NAME* p) const noexcept { X509_NAME_free(p); }
  void operator()(X509_PUBKEY* p) const noexcept { X509_PUBKEY_free(p); }
  void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const noexcept { X509_STORE_CTX_free(p); }
  void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_pop_free(p, X509_free); }
};

template <typename T>
using OsslPtr = std::unique_ptr<T, OsslDeleter>;

/// A second owner of the same object.
inline OsslPtr<X509> up_ref(X509* certificate) noexcept {
  X509_up_ref(certificate);
  return OsslPtr<X509>(certificate);
}

inline OsslPtr<EVP_PKEY> up_ref(EVP_PKEY* key) noexcept {
  EVP_PKEY_up_ref(key);
  return OsslPtr<EVP_PKEY>(key);
}

/// Throws Error{library} with the text of OpenSSL's error queue unless `ok`. The only reader of that queue.
void check(bool ok, const char* what);

/// OpenSSL's words for its last error, "" for none; empties the queue. For a peer's misbehaviour, which is an
/// observation and no error of ours.
std::string take_error_words();

/// Empties the queue: what is left in it would be taken for the next operation's error.
void forget_errors() noexcept;

/// The same behind a reader of texts, whose null says "there is none" or that memory ended: then throws std::bad_alloc,
/// so that no text is blamed for it.
void forget_misses();

/// The handle, or Error{library} when it is null.
template <typename T>
OsslPtr<T> owned(T* handle, const char* what) {
  check(handle != nullptr, what);
  return OsslPtr<T>(handle);
}

using Bytes = std::vector<unsigned char>;

}  // namespace pindrill

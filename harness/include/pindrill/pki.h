#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/ossl.h"

namespace pindrill {

enum class KeyType { rsa2048, rsa3072, rsa4096, rsa8192, p256, p384, p521, ed25519 };

/// An asymmetric key. Immutable and cheap to copy: copies share the key.
class KeyPair {
 public:
  static KeyPair generate(KeyType type);
  /// A PEM private key (PKCS#8 or traditional), or a PEM public key, certificate or CSR: then without private half.
  static KeyPair from_pem(std::string_view pem);
  /// The public half of `shown` with the private half of `signing`, both of one type: a server with it presents
  /// a certificate whose key it does not have. Passes OpenSSL's own consistency checks.
  static KeyPair mismatched(const KeyPair& shown, const KeyPair& signing);

  bool has_private() const noexcept { return has_private_; }
  /// "RSA-2048", "P-256", "Ed25519" …
  const std::string& type_name() const noexcept { return impl_->type_name; }
  /// DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
  const Bytes& spki() const noexcept { return impl_->spki; }
  std::string private_pem() const;
  std::string public_pem() const;
  /// SHA-1 of the subjectPublicKey bits (RFC 5280 section 4.2.1.2, method 1).
  const Bytes& key_id() const noexcept { return impl_->key_id; }
  EVP_PKEY* get() const noexcept { return impl_->key.get(); }
  X509_PUBKEY* encoded() const noexcept { return impl_->encoded.get(); }

 private:
  struct Impl {
    OsslPtr<EVP_PKEY> key;
    OsslPtr<X509_PUBKEY> encoded;  ///< kept, because encoding a key costs ten signatures
    Bytes spki;
    Bytes key_id;
    std::string type_name;
  };
  KeyPair(OsslPtr<EVP_PKEY> key, bool has_private);

  std::shared_ptr<const Impl> impl_;
  bool has_private_;
};

/// One X.509 certificate. Immutable, cheap to copy, safe to share between threads.
class Certificate {
 public:
  /// DER that is parsed when first looked into: minting needs no parse, and decoding the key costs more than
  /// the signature.
  explicit Certificate(Bytes der);
  explicit Certificate(OsslPtr<X509> handle);
  static Certificate from_pem(std::string_view pem);
  /// Every certificate of a PEM text; Error{input} when there is none.
  static std::vector<Certificate> list_from_pem(std::string_view pem);

  /// The parsed certificate; Error{input} when the DER is none.
  X509* get() const;
  const Bytes& der() const noexcept;
  std::string pem() const;
  Bytes spki() const;
  std::string subject() const;
  std::string issuer() const;
  std::string common_name() const;
  std::vector<std::string> dns_names() const;
  std::int64_t not_before() const;  ///< seconds since the epoch
  std::int64_t not_after() const;
  bool is_ca() const;
  Bytes serial() const;
  Bytes subject_key_id() const;  ///< empty when absent
  bool operator==(const Certificate& other) const noexcept { return der() == other.der(); }

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

enum class Digest { sha1, sha256, sha384, sha512 };

struct ExtraExtension {
  std::string oid;  ///< dotted or a name that OpenSSL knows
  Bytes der;        ///< contents of extnValue
  bool critical = false;
};

/// What a certificate shall say. The defaults make a good leaf for `common_name`.
struct CertificateSpec {
  std::string common_name;
  std::optional<std::string> organization = "pindrill TEST";
  std::vector<std::string> dns = {};
  std::vector<std::string> ip = {};  ///< textual addresses
  std::vector<Bytes> raw_dns = {};   ///< dNSName entries with arbitrary bytes
  /// Relative to now. What is not said is usual for a leaf, an intermediate or a root, and within the issuer's
  /// validity: whoever looks at a certificate's dates at any time within it finds its issuer valid too.
  std::optional<std::chrono::seconds> not_before = std::nullopt;
  std::optional<std::chrono::seconds> not_after = std::nullopt;
  bool ca = false;
  std::optional<int> path_length = std::nullopt;
  std::optional<std::string> key_usage = std::nullopt;  ///< OpenSSL syntax; "" leaves the extension out
  std::optional<std::string> extended_key_usage = std::nullopt;
  std::vector<std::string> permitted_dns = {};         ///< name constraints
  std::optional<Bytes> subject_key_id = std::nullopt;  ///< default: RFC 5280 method 1
  bool with_key_ids = true;
  std::optional<Bytes> serial = std::nullopt;  ///< default: 16 random octets
  Digest digest = Digest::sha256;              ///< ignored for Ed25519
  std::vector<ExtraExtension> extra = {};
  std::vector<std::string> crl_urls = {};
  std::vector<std::string> ocsp_urls = {};
};

/// A CA: key and certificate, root or intermediate.
class Authority {
 public:
  Authority(KeyPair key, Certificate certificate);

  static Authority root(const KeyPair& key, const CertificateSpec& spec);
  /// A certificate of this authority over `subject`'s public half.
  Certificate issue(const KeyPair& subject, const CertificateSpec& spec) const;
  Authority intermediate(const KeyPair& key, const CertificateSpec& spec) const;
  /// `other`'s name and key certified by this authority, for no longer than either is valid.
  Certificate cross_sign(const Authority& other) const;

  const KeyPair& key() const noexcept { return key_; }
  const Certificate& certificate() const noexcept { return certificate_; }

 private:
  KeyPair key_;
  Certificate certificate_;
};

/// A self-signed leaf or root.
Certificate self_signed(const KeyPair& key, const CertificateSpec& spec);

/// A PKCS #12 trust store that Java reads: certificates only, marked as trusted.
Bytes trust_store_p12(const std::vector<Certificate>& certificates, const std::string& password);

/// What a server shows: a private key and the list it presents, in any order, first is the leaf.
struct Credential {
  KeyPair key;
  std::vector<Certificate> chain;

  const Certificate& leaf() const { return chain.at(0); }
};

}  // namespace pindrill

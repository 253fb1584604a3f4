#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

#include "pindrill/pki.h"

namespace pindrill {
namespace {

OsslPtr<ASN1_OCTET_STRING> octets(const Bytes& bytes) {
  auto string = owned(ASN1_OCTET_STRING_new(), "make an extension");
  check(ASN1_OCTET_STRING_set(string.get(), bytes.data(), static_cast<int>(bytes.size())) == 1, "make an extension");
  return string;
}

void add(X509* certificate, int nid, void* value, bool critical) {
  check(X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_APPEND) == 1, "add an extension");
}

/// Parsed once per text: parsing costs as much as a signature.
void add_text(X509* certificate, int nid, const std::string& text) {
  static std::mutex mutex;
  static std::map<std::pair<int, std::string>, OsslPtr<X509_EXTENSION>> known;
  const std::lock_guard lock(mutex);
  auto& extension = known[{nid, text}];
  if (!extension) extension.reset(X509V3_EXT_conf_nid(nullptr, nullptr, nid, text.c_str()));
  if (!extension) {
    check(true, "");
    throw Error(ErrorKind::input, std::string("cannot read the extension ") + OBJ_nid2ln(nid) + ": '" + text + "'");
  }
  check(X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

void push_name(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  check(name != nullptr, "make a name");
  GENERAL_NAME_set0_value(name, type, value);
  check(sk_GENERAL_NAME_push(names, name) > 0, "make a name");
}

ASN1_STRING* ia5(const unsigned char* data, std::size_t size) {
  ASN1_STRING* string = ASN1_STRING_type_new(V_ASN1_IA5STRING);
  check(string != nullptr && ASN1_STRING_set(string, data, static_cast<int>(size)) == 1, "make a name");
  return string;
}

void push_dns(GENERAL_NAMES* names, std::string_view dns) {
  push_name(names, GEN_DNS, ia5(reinterpret_cast<const unsigned char*>(dns.data()), dns.size()));
}

void add_alternative_names(X509* certificate, const CertificateSpec& spec) {
  if (spec.dns.empty() && spec.ip.empty() && spec.raw_dns.empty()) return;
  const auto names = owned(GENERAL_NAMES_new(), "make a name");
  for (const auto& dns : spec.dns) push_dns(names.get(), dns);
  for (const auto& raw : spec.raw_dns) {
    push_name(names.get(), GEN_DNS, ia5(raw.data(), raw.size()));
  }
  for (const auto& ip : spec.ip) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(ip.c_str());
    if (address == nullptr) throw Error(ErrorKind::input, "not an IP address: '" + ip + "'");
    push_name(names.get(), GEN_IPADD, address);
  }
  add(certificate, NID_subject_alt_name, names.get(), false);
}

void add_name_constraints(X509* certificate, const std::vector<std::string>& permitted) {
  if (permitted.empty()) return;
  const auto constraints = owned(NAME_CONSTRAINTS_new(), "make name constraints");
  constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
  for (const auto& dns : permitted) {
    GENERAL_SUBTREE* subtree = GENERAL_SUBTREE_new();
    check(subtree != nullptr, "make name constraints");
    GENERAL_NAME_set0_value(subtree->base, GEN_DNS,
                            ia5(reinterpret_cast<const unsigned char*>(dns.data()), dns.size()));
    check(sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree) > 0, "make name constraints");
  }
  add(certificate, NID_name_constraints, constraints.get(), true);
}

void add_usage(X509* certificate, const CertificateSpec& spec, bool rsa) {
  std::string basic = spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
  if (spec.path_length) basic += ",pathlen:" + std::to_string(*spec.path_length);
  add_text(certificate, NID_basic_constraints, basic);
  const std::string usual_usage = spec.ca ? "critical,keyCertSign,cRLSign"
                                  : rsa   ? "critical,digitalSignature,keyEncipherment"
                                          : "critical,digitalSignature";
  const auto usage = spec.key_usage.value_or(usual_usage);
  if (!usage.empty()) add_text(certificate, NID_key_usage, usage);
  const auto extended = spec.extended_key_usage.value_or(spec.ca ? "" : "serverAuth");
  if (!extended.empty()) add_text(certificate, NID_ext_key_usage, extended);
}

void add_extra(X509* certificate, const CertificateSpec& spec) {
  for (const auto& url : spec.crl_urls) {
    add_text(certificate, NID_crl_distribution_points, "URI:" + url);
  }
  for (const auto& url : spec.ocsp_urls) add_text(certificate, NID_info_access, "OCSP;URI:" + url);
  for (const auto& extra : spec.extra) {
    const OsslPtr<ASN1_OBJECT> oid(OBJ_txt2obj(extra.oid.c_str(), 0));
    check(true, "");
    if (!oid) throw Error(ErrorKind::input, "not an object identifier: '" + extra.oid + "'");
    const auto value = octets(extra.der);
    const auto extension = owned(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), extra.critical ? 1 : 0, value.get()),
                                 "make an extension");
    check(X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
  }
}

void set_serial(X509* certificate, const std::optional<Bytes>& wanted) {
  Bytes serial = wanted.value_or(Bytes(16));
  if (!wanted) {
    check(RAND_bytes(serial.data(), static_cast<int>(serial.size())) == 1, "random serial");
    serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive, full length
  }
  const auto number = owned(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr), "make a serial");
  check(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr, "make a serial");
}

/// In place: X509_set_subject_name would copy it.
void fill_name(X509_NAME* name, const CertificateSpec& spec) {
  const auto entry = [&](const char* field, const std::string& text) {
    check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()), -1, 0) == 1,
          "make a name (a common name holds 64 characters at most)");
  };
  if (spec.organization) entry("O", *spec.organization);
  if (!spec.common_name.empty()) entry("CN", spec.common_name);
}

/// Copies the encoded key: X509_set_pubkey would encode it again, ten times the cost of a signature.
void set_public_key(X509* certificate, const KeyPair& key) {
  ASN1_OBJECT* algorithm = nullptr;
  const unsigned char* bits = nullptr;
  int size = 0;
  X509_ALGOR* identifier = nullptr;
  check(X509_PUBKEY_get0_param(&algorithm, &bits, &size, &identifier, key.encoded()) == 1, "read a key");
  const ASN1_OBJECT* oid = nullptr;
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(&oid, &type, &value, identifier);
  void* parameter = nullptr;
  if (type == V_ASN1_OBJECT) parameter = OBJ_dup(static_cast<const ASN1_OBJECT*>(value));
  if (type == V_ASN1_SEQUENCE) parameter = ASN1_STRING_dup(static_cast<const ASN1_STRING*>(value));
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(bits, static_cast<std::size_t>(size)));
  check(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate), OBJ_dup(oid), type, parameter, copy, size) == 1,
        "set a public key");
}

const EVP_MD* digest_for(const KeyPair& signer, Digest digest) {
  if (signer.type_name() == "Ed25519") return nullptr;  // RFC 8410: the digest is part of it
  switch (digest) {
    case Digest::sha1:
      return EVP_sha1();
    case Digest::sha256:
      return EVP_sha256();
    case Digest::sha384:
      return EVP_sha384();
    case Digest::sha512:
      return EVP_sha512();
  }
  return EVP_sha256();
}

void set_authority_key_id(X509* certificate, const Bytes& issuer_key_id) {
  const auto authority = owned(AUTHORITY_KEYID_new(), "make an extension");
  authority->keyid = octets(issuer_key_id).release();
  check(X509_add1_ext_i2d(certificate, NID_authority_key_identifier, authority.get(), 0, X509V3_ADD_REPLACE) == 1,
        "add an extension");
}

Bytes signed_der(X509* certificate, const KeyPair& signer, Digest digest) {
  if (!signer.has_private()) {
    throw Error(ErrorKind::input, "an issuer whose private key is elsewhere cannot sign");
  }
  check(X509_sign(certificate, signer.get(), digest_for(signer, digest)) > 0, "sign");
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  check(size > 0, "encode a certificate");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

using std::chrono::hours;
using std::chrono::seconds;

constexpr hours day{24};
constexpr hours year = 365 * day;

/// Relative to now. An issuer outlasts what it issues, on both sides.
struct Validity {
  seconds begin;
  seconds end;
};
constexpr Validity usual_root{-20 * year, 10 * year};
constexpr Validity usual_intermediate{-10 * year, 5 * year};
constexpr Validity usual_leaf{-30 * day, 60 * day};

void set_dates(X509* certificate, const CertificateSpec& spec, const Certificate* issuer) {
  const std::time_t now = std::time(nullptr);
  const auto& usual = !spec.ca ? usual_leaf : issuer != nullptr ? usual_intermediate : usual_root;
  auto begin = now + spec.not_before.value_or(usual.begin).count();
  auto end = now + spec.not_after.value_or(usual.end).count();
  // An issuer whose own dates are wrong makes nothing else wrong.
  if (issuer != nullptr && !spec.not_before && issuer->not_before() <= now) {
    begin = std::max(begin, static_cast<std::time_t>(issuer->not_before()));
  }
  if (issuer != nullptr && !spec.not_after && issuer->not_after() > now) {
    end = std::min(end, static_cast<std::time_t>(issuer->not_after()));
  }
  check(ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != nullptr &&
            ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr,
        "set the dates of a certificate");
}

Certificate minted(const KeyPair& subject, const CertificateSpec& spec, const KeyPair& signer,
                   const Certificate* issuer) {
  const auto certificate = owned(X509_new(), "make a certificate");
  X509* x = certificate.get();
  check(X509_set_version(x, X509_VERSION_3) == 1, "make a certificate");
  set_serial(x, spec.serial);
  fill_name(X509_get_subject_name(x), spec);
  check(X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer->get() : x)) == 1,
        "fill a certificate");
  set_dates(x, spec, issuer);
  set_public_key(x, subject);
  add_usage(x, spec, subject.type_name().starts_with("RSA"));
  add_alternative_names(x, spec);
  add_name_constraints(x, spec.permitted_dns);
  if (spec.with_key_ids) {
    const auto& own_id = spec.subject_key_id ? *spec.subject_key_id : subject.key_id();
    add(x, NID_subject_key_identifier, octets(own_id).get(), false);
    const auto above = issuer != nullptr ? issuer->subject_key_id() : own_id;
    if (!above.empty()) set_authority_key_id(x, above);
  }
  add_extra(x, spec);
  return Certificate(signed_der(x, signer, spec.digest));
}

}  // namespace

Authority::Authority(KeyPair key, Certificate certificate)
    : key_(std::move(key)), certificate_(std::move(certificate)) {
  if (certificate_.spki() != key_.spki()) {
    throw Error(ErrorKind::input, "this key is not the one in the certificate of '" + certificate_.common_name() + "'");
  }
}

Authority Authority::root(const KeyPair& key, const CertificateSpec& spec) { return {key, self_signed(key, spec)}; }

Certificate Authority::issue(const KeyPair& subject, const CertificateSpec& spec) const {
  return minted(subject, spec, key_, &certificate_);
}

Authority Authority::intermediate(const KeyPair& key, const CertificateSpec& spec) const {
  return {key, issue(key, spec)};
}

Certificate Authority::cross_sign(const Authority& other) const {
  const auto copy = owned(X509_dup(other.certificate().get()), "copy a certificate");
  set_serial(copy.get(), std::nullopt);
  check(X509_set_issuer_name(copy.get(), X509_get_subject_name(certificate_.get())) == 1, "fill a certificate");
  const X509* older = certificate_.get();
  const auto within = [](ASN1_TIME* own, const ASN1_TIME* limit, int too_far) {
    if (ASN1_TIME_compare(own, limit) == too_far) {
      check(ASN1_STRING_copy(own, limit) == 1, "set the dates of a certificate");
    }
  };
  within(X509_getm_notBefore(copy.get()), X509_get0_notBefore(older), -1);
  within(X509_getm_notAfter(copy.get()), X509_get0_notAfter(older), 1);
  const auto id = certificate_.subject_key_id();
  if (!id.empty()) set_authority_key_id(copy.get(), id);
  return Certificate(signed_der(copy.get(), key_, Digest::sha256));
}

Certificate self_signed(const KeyPair& key, const CertificateSpec& spec) { return minted(key, spec, key, nullptr); }

}  // namespace pindrill

#include <openssl/pkcs12.h>

#include "pindrill/pki.h"

namespace pindrill {
namespace {

/// Java takes a certificate of a PKCS #12 file for trusted only with this attribute (JDK-8044445).
constexpr const char* kTrustedKeyUsage = "2.16.840.1.113894.746875.1.1";
constexpr const char* kAnyExtendedKeyUsage = "2.5.29.37.0";

struct Pkcs12Deleter {
  void operator()(PKCS12* p) const noexcept { PKCS12_free(p); }
  void operator()(STACK_OF(PKCS12_SAFEBAG) * p) const noexcept { sk_PKCS12_SAFEBAG_pop_free(p, PKCS12_SAFEBAG_free); }
  void operator()(STACK_OF(PKCS7) * p) const noexcept { sk_PKCS7_pop_free(p, PKCS7_free); }
};

void mark_trusted(PKCS12_SAFEBAG* bag) {
  const OsslPtr<ASN1_OBJECT> usage(OBJ_txt2obj(kAnyExtendedKeyUsage, 1));
  const OsslPtr<ASN1_OBJECT> attribute(OBJ_txt2obj(kTrustedKeyUsage, 1));
  auto* attributes = const_cast<STACK_OF(X509_ATTRIBUTE)*>(PKCS12_SAFEBAG_get0_attrs(bag));
  X509_ATTRIBUTE* made = X509_ATTRIBUTE_create_by_OBJ(nullptr, attribute.get(), V_ASN1_OBJECT, usage.get(), -1);
  check(made != nullptr && attributes != nullptr && sk_X509_ATTRIBUTE_push(attributes, made) > 0, "mark as trusted");
}

}  // namespace

Bytes trust_store_p12(const std::vector<Certificate>& certificates, const std::string& password) {
  STACK_OF(PKCS12_SAFEBAG)* raw_bags = nullptr;
  int number = 0;
  for (const auto& certificate : certificates) {
    PKCS12_SAFEBAG* bag = PKCS12_add_cert(&raw_bags, certificate.get());
    const auto name = "trusted-" + std::to_string(++number);  // aliases that are the same overwrite each other
    check(bag != nullptr && PKCS12_add_friendlyname_utf8(bag, name.c_str(), -1) == 1, "make a trust store");
    mark_trusted(bag);
  }
  const std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Pkcs12Deleter> bags(raw_bags);
  STACK_OF(PKCS7)* raw_safes = nullptr;
  check(PKCS12_add_safe(&raw_safes, bags.get(), NID_aes_256_cbc, 0, password.c_str()) == 1, "make a trust store");
  const std::unique_ptr<STACK_OF(PKCS7), Pkcs12Deleter> safes(raw_safes);
  const std::unique_ptr<PKCS12, Pkcs12Deleter> store(PKCS12_add_safes(safes.get(), 0));
  check(store != nullptr &&
            PKCS12_set_mac(store.get(), password.c_str(), -1, nullptr, 0, PKCS12_DEFAULT_ITER, EVP_sha256()) == 1,
        "make a trust store");
  unsigned char* der = nullptr;
  const int size = i2d_PKCS12(store.get(), &der);
  check(size > 0, "encode a trust store");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace pindrill

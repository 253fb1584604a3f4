#include <openssl/pem.h>

#include <ctime>
#include <mutex>

#include "pindrill/pki.h"

namespace pindrill {

struct Certificate::Impl {
  explicit Impl(Bytes bytes) : der(std::move(bytes)) {}

  Bytes der;
  mutable std::once_flag once;
  mutable OsslPtr<X509> handle;
};

namespace {

Bytes encoded(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  check(size > 0, "encode a certificate");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::string text_of(const X509_NAME* name) {
  const auto bio = owned(BIO_new(BIO_s_mem()), "write a name");
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  check(ASN1_TIME_to_tm(time, &parts) == 1, "read a time");
  return timegm(&parts);
}

}  // namespace

Certificate::Certificate(Bytes der) : impl_(std::make_shared<const Impl>(std::move(der))) {}

Certificate::Certificate(OsslPtr<X509> handle) {
  auto impl = std::make_shared<Impl>(encoded(handle.get()));
  std::call_once(impl->once, [&] { impl->handle = std::move(handle); });
  impl_ = std::move(impl);
}

Certificate Certificate::from_pem(std::string_view pem) { return list_from_pem(pem).front(); }

std::vector<Certificate> Certificate::list_from_pem(std::string_view pem) {
  const auto bio = owned(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "read a text");
  std::vector<Certificate> found;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(OsslPtr<X509>(next));
  }
  forget_misses();
  if (found.empty()) throw Error(ErrorKind::input, "no PEM certificate in this text");
  return found;
}

X509* Certificate::get() const {
  std::call_once(impl_->once, [this] {
    const unsigned char* cursor = impl_->der.data();
    impl_->handle.reset(d2i_X509(nullptr, &cursor, static_cast<long>(impl_->der.size())));
    forget_misses();
  });
  if (!impl_->handle) throw Error(ErrorKind::input, "not a DER certificate");
  return impl_->handle.get();
}

const Bytes& Certificate::der() const noexcept { return impl_->der; }

std::string Certificate::pem() const {
  const auto bio = owned(BIO_new(BIO_s_mem()), "write a certificate");
  check(PEM_write_bio(bio.get(), PEM_STRING_X509, "", der().data(), static_cast<long>(der().size())) > 0,
        "write a certificate");
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bytes Certificate::spki() const {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(get()), &der);
  check(size > 0, "encode a public key");
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

std::string Certificate::subject() const { return text_of(X509_get_subject_name(get())); }

std::string Certificate::issuer() const { return text_of(X509_get_issuer_name(get())); }

std::string Certificate::common_name() const {
  const X509_NAME* name = X509_get_subject_name(get());
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  check(size >= 0, "read a name");
  std::string text(utf8, utf8 + size);
  OPENSSL_free(utf8);
  return text;
}

std::vector<std::string> Certificate::dns_names() const {
  const OsslPtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(get(), NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* data = ASN1_STRING_get0_data(name->d.dNSName);
    found.emplace_back(data, data + ASN1_STRING_length(name->d.dNSName));
  }
  return found;
}

std::int64_t Certificate::not_before() const { return seconds_of(X509_get0_notBefore(get())); }

std::int64_t Certificate::not_after() const { return seconds_of(X509_get0_notAfter(get())); }

bool Certificate::is_ca() const { return X509_check_ca(get()) == 1; }

Bytes Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(get());
  const auto* data = ASN1_STRING_get0_data(serial);
  return {data, data + ASN1_STRING_length(serial)};
}

Bytes Certificate::subject_key_id() const {
  const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(get());
  if (id == nullptr) return {};
  const auto* data = ASN1_STRING_get0_data(id);
  return {data, data + ASN1_STRING_length(id)};
}

}  // namespace pindrill

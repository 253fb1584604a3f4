#include "pindrill/ossl.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <new>
#include <string>

namespace pindrill {
namespace {

TEST(Ossl, CheckThrowsTheWordsOfTheErrorQueue) {
  ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
  try {
    check(false, "do it");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::library);
    EXPECT_NE(std::string(error.what()).find("do it: error:"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("key type mismatch"), std::string::npos) << error.what();
  }
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Ossl, CheckForgetsStaleErrorsOfWhatWorked) {
  ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
  check(true, "");
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Ossl, APeersErrorIsWordsAndGone) {
  EXPECT_EQ(take_error_words(), "");
  ERR_raise(ERR_LIB_X509, X509_R_UNKNOWN_KEY_TYPE);
  ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
  EXPECT_EQ(take_error_words(), "key type mismatch");
  EXPECT_EQ(ERR_peek_error(), 0U);
  ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
  forget_errors();
  EXPECT_EQ(take_error_words(), "");
}

TEST(Ossl, TheEndOfMemoryIsNoMiss) {
  ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
  EXPECT_NO_THROW(forget_misses());
  ERR_raise(ERR_LIB_PEM, ERR_R_MALLOC_FAILURE);
  ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
  EXPECT_THROW(forget_misses(), std::bad_alloc);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Ossl, OwnedRefusesNull) {
  EXPECT_THROW(owned(static_cast<X509*>(nullptr), "make a certificate"), Error);
  EXPECT_NE(owned(X509_new(), "make a certificate"), nullptr);
}

TEST(Ossl, ASecondOwnerOutlivesTheFirst) {
  auto first = owned(X509_new(), "make a certificate");
  const auto second = up_ref(first.get());
  first.reset();
  EXPECT_EQ(X509_set_version(second.get(), X509_VERSION_3), 1);
}

}  // namespace
}  // namespace pindrill

#include "pindrill/error.h"

#include <gtest/gtest.h>

namespace pindrill {
namespace {

TEST(Error, SaysWhatAndWhoseFault) {
  try {
    throw Error(ErrorKind::system, "cannot listen");
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "cannot listen");
    EXPECT_EQ(dynamic_cast<const Error&>(error).kind(), ErrorKind::system);
  }
}

}  // namespace
}  // namespace pindrill

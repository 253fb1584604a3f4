#include "witness.h"

#include <gtest/gtest.h>

#include "support/server_end.h"

namespace pindrill {
namespace {

using namespace std::string_literals;
using test::bytes_of;
using test::text_of;

const std::string kSecret = "pd7s0123456789abcdef01234567";
const std::string kRequest = "GET /" + kSecret + " HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";

class WitnessTest : public ::testing::Test {
 protected:
  Observation facts_;
  Witness witness_{facts_};
};

// --- what it begins with ---------------------------------------------------------------------------------------

TEST_F(WitnessTest, HoldsWhatMayStillBeEither) {
  EXPECT_NE(facts_.accepted_at, 0);
  EXPECT_EQ(witness_.begins(bytes_of("\x80")), Begins::unclear);
  EXPECT_EQ(witness_.begins(bytes_of("\x2e\x01\x03")), Begins::unclear);
  EXPECT_EQ(witness_.begins(bytes_of("\x01 and more")), Begins::tls);
  EXPECT_EQ(text_of(witness_.take_first()), "\x80\x2e\x01\x03\x01 and more");
  EXPECT_TRUE(witness_.first().empty());
  EXPECT_FALSE(facts_.plaintext);
}

TEST_F(WitnessTest, WhatEndsTooShortToTellIsNoTls) {
  EXPECT_EQ(witness_.begins(bytes_of("\x80\x2e")), Begins::unclear);
  witness_.ended(Ended::fin);
  EXPECT_TRUE(facts_.plaintext);
  EXPECT_EQ(facts_.data_bytes, 2U);
  witness_.ended(Ended::reset);
  EXPECT_EQ(facts_.data_bytes, 2U) << "heard once";
}

TEST_F(WitnessTest, ASilentClientSaidNothingInPlainText) {
  witness_.ended(Ended::fin);
  EXPECT_FALSE(facts_.plaintext);
  EXPECT_EQ(facts_.first_data_at, 0);
}

// --- what was heard --------------------------------------------------------------------------------------------

TEST_F(WitnessTest, OctetsOfTheSocketAreCountedAndNotHeard) {
  witness_.came(bytes_of(kRequest));
  EXPECT_EQ(facts_.bytes_in, kRequest.size());
  EXPECT_EQ(facts_.data_bytes, 0U);
  EXPECT_TRUE(facts_.secrets.empty());
}

TEST_F(WitnessTest, PlainTextIsHeardInPieces) {
  for (const char octet : kRequest) {
    EXPECT_FALSE(witness_.complete());
    witness_.heard_plain({reinterpret_cast<const unsigned char*>(&octet), 1});
  }
  EXPECT_TRUE(facts_.plaintext);
  EXPECT_TRUE(witness_.complete());
  EXPECT_EQ(facts_.progress, Progress::headers);
  EXPECT_EQ(facts_.request_line, "GET /<secret> HTTP/1.1");
  EXPECT_EQ(facts_.data_bytes, kRequest.size());
  EXPECT_EQ(facts_.secrets, std::vector{kSecret});
  EXPECT_TRUE(facts_.plain_secrets.empty()) << "those are of TLS connections";
}

TEST_F(WitnessTest, WhatFollowsTheFirstRequestIsMeasuredEachTime) {
  witness_.heard_plain(bytes_of(kRequest + "seven.."));
  EXPECT_EQ(witness_.beyond(), 7U);
  witness_.heard_plain(bytes_of("eleven....."));
  EXPECT_EQ(witness_.beyond(), 11U);
  EXPECT_EQ(facts_.data_bytes, kRequest.size() + 18) << "and counts as data";
  EXPECT_EQ(facts_.progress, Progress::headers);
}

TEST_F(WitnessTest, TheFirstDataHasItsTime) {
  witness_.heard_plain({});
  EXPECT_EQ(facts_.first_data_at, 0);
  witness_.heard_plain(bytes_of("a"));
  const auto first = facts_.first_data_at;
  EXPECT_NE(first, 0);
  witness_.heard_plain(bytes_of("b"));
  EXPECT_EQ(facts_.first_data_at, first);
}

// --- TLS -------------------------------------------------------------------------------------------------------

class DecryptedTest : public WitnessTest {
 protected:
  DecryptedTest() : tls_(std::make_shared<const ServerContext>(TlsOptions{}), facts_) {
    tls_.show(std::make_shared<const Credential>(test::Hierarchy().credential()));
    EXPECT_TRUE(test::exchange(client_, tls_));
  }

  test::TlsClient client_{test::ClientOptions{}};
  Connection tls_;
};

TEST_F(DecryptedTest, WhatCouldBeReadIsHeardAndHandedOn) {
  client_.send(kRequest);
  EXPECT_EQ(text_of(witness_.decrypt(tls_, client_.take_output())), kRequest);
  EXPECT_FALSE(facts_.plaintext);
  EXPECT_TRUE(witness_.complete());
  EXPECT_EQ(facts_.secrets, std::vector{kSecret});
  EXPECT_TRUE(facts_.plain_secrets.empty());
}

TEST_F(DecryptedTest, ASecretOnTheSocketOfTheTlsConnectionIsSeenAcrossPieces) {
  witness_.decrypt(tls_, bytes_of("GET /" + kSecret.substr(0, 10)));
  witness_.passes(bytes_of(kSecret.substr(10)));
  EXPECT_EQ(facts_.plain_secrets, std::vector{kSecret});
  EXPECT_TRUE(facts_.secrets.empty());
  EXPECT_FALSE(facts_.plaintext);
}

// --- the answer and the end ------------------------------------------------------------------------------------

TEST_F(WitnessTest, AnAnswerIsSentWhenTheKernelHasIt) {
  witness_.written(10);
  EXPECT_EQ(facts_.bytes_out, 10U);
  witness_.answers_at(30);
  witness_.answers_at(20);  // the first one counts
  witness_.written(29);
  EXPECT_EQ(facts_.response_sent_at, 0);
  witness_.written(30);
  const auto at = facts_.response_sent_at;
  EXPECT_NE(at, 0);
  witness_.written(31);
  EXPECT_EQ(facts_.response_sent_at, at);
}

TEST_F(WitnessTest, AnAnswerMayHaveBeenWrittenBeforeItsEndIsKnown) {
  witness_.written(30);
  EXPECT_EQ(facts_.response_sent_at, 0);
  witness_.answers_at(30);
  EXPECT_NE(facts_.response_sent_at, 0);
}

TEST_F(WitnessTest, TheFirstEndCounts) {
  witness_.ended(Ended::fin);
  const auto at = facts_.ended_at;
  witness_.ended(Ended::reset);
  EXPECT_EQ(facts_.ended, Ended::fin);
  EXPECT_EQ(facts_.ended_at, at);
  EXPECT_NE(at, 0);
}

}  // namespace
}  // namespace pindrill

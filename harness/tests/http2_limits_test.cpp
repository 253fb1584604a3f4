// Where the reading of HTTP/2 ends: at garbage, and at its limits.

#include <gtest/gtest.h>

#include <random>

#include "pindrill/http2.h"
#include "support/http2_frames.h"

namespace pindrill {
namespace {

using namespace std::string_literals;
using test::frame;
using test::headers;
using test::kContinuation;
using test::kCookie;
using test::kCookieField;
using test::kData;
using test::kEndHeaders;
using test::kHeaders;
using test::kPadded;
using test::kPriority;
using test::read;

// --- garbage ---------------------------------------------------------------------------------------------------

struct Broken {
  const char* name;
  std::string text;
  std::string why;
  std::uint64_t unread;
};

class Http2Garbage : public ::testing::TestWithParam<Broken> {};

TEST_P(Http2Garbage, EndsTheReadingAndLeavesWhatWasRead) {
  const auto& broken = GetParam();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{4}, std::size_t{1000}}) {
    const auto reader = read(headers(kCookie) + broken.text + frame(kData, "after"), {}, piece);
    EXPECT_TRUE(reader.stopped().starts_with(broken.why)) << reader.stopped();
    EXPECT_EQ(reader.requests().front().fields, kCookieField);
    EXPECT_EQ(reader.requests().front().body, "");
    EXPECT_EQ(reader.unread(), broken.unread + 14) << piece;
    EXPECT_EQ(reader.cut(), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Http2Garbage,
    ::testing::Values(
        Broken{"DataInABlock", frame(kHeaders, "", 0, 3) + frame(kData, "x", 0, 3), "malformed: CONTINUATION", 1},
        Broken{"AnotherStream", frame(kHeaders, "", 0, 3) + frame(kContinuation, "x", 0, 5), "malformed: CONT", 1},
        Broken{"NothingToContinue", frame(kContinuation, "x"), "malformed: CONTINUATION", 1},
        Broken{"Push", frame(5, "abcd"), "malformed: PUSH_PROMISE", 4},
        Broken{"Stream0", frame(kData, "x", 0, 0), "malformed: a request on stream 0", 1},
        Broken{"Padding", frame(kData, "\x5xxxx"s, kPadded), "malformed: more padding", 4},
        Broken{"NoRoomForPriority", frame(kHeaders, "abcd", kPriority | kEndHeaders), "malformed: a frame shorter", 4},
        Broken{"NoRoomForPadding", frame(kData, "", kPadded), "malformed: a frame shorter", 0},
        Broken{"NoSuchEntry", headers("\xff\x7f"s, 3), "a header block that cannot be decoded", 2},
        Broken{"EndsInAField", headers(kCookie.substr(0, 4), 3), "a header block that cannot be decoded", 4},
        Broken{"TooLargeATable", headers("\x3f\xe1\xff\xff\x0f"s, 3), "a header block that cannot be decoded", 5}),
    [](const auto& info) { return info.param.name; });

TEST(Http2Reader, TakesAnythingInPiecesOfAnySize) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    while (text.size() < 300) {
      std::string payload(random() % 40, '\0');
      for (auto& c : payload) c = static_cast<char>(random());
      text +=
          frame(static_cast<int>(random() % 10), payload, static_cast<int>(random() % 64), 1 + 2 * int(random() % 2));
    }
    const auto whole = read(text);
    const auto pieces = read(text, {}, 1 + random() % 20);
    EXPECT_EQ(whole.stopped(), pieces.stopped());
    EXPECT_EQ(whole.unread(), pieces.unread());
    EXPECT_EQ(whole.requests().size(), pieces.requests().size());
  }
}

// --- limits ----------------------------------------------------------------------------------------------------

TEST(Http2Reader, FramesAndStreamsAreLimited) {
  Http2Limits few;
  few.frames = 3;
  const auto frames = read(headers(kCookie) + frame(4, "") + frame(4, "") + frame(kData, "abc"), few);
  EXPECT_EQ(frames.stopped(), "more than 3 frames");
  EXPECT_EQ(frames.unread(), 3U);
  EXPECT_EQ(frames.requests().front().fields, kCookieField);
  Http2Limits one;
  one.streams = 1;
  const auto streams = read(headers(kCookie) + headers(kCookie, 3), one);
  EXPECT_EQ(streams.stopped(), "more than 1 streams");
  EXPECT_EQ(streams.requests().size(), 1U);
}

TEST(Http2Reader, ABlockThatNeverEndsIsReadOnce) {
  std::string text = frame(kHeaders, "", 0);
  while (text.size() < 200'000) text += frame(kContinuation, std::string(100, '\x82'), 0);
  Http2Limits limits;
  limits.list = limits.fields = 100'000'000;
  const auto reader = read(text, limits);
  EXPECT_EQ(reader.stopped(), "more than 64 KiB of headers in one block");
  EXPECT_EQ(reader.requests().front().fields.size(), 64U * 1024);
  EXPECT_GT(reader.unread(), 100'000U);
}

TEST(Http2Reader, WhatIsOverTheBlockIsCountedWhereItsBeginningIsBroken) {
  Http2Limits limits;
  limits.block = 10;
  const auto text = frame(kHeaders, "\xff\x7f" + std::string(20, 'x'));
  for (const std::size_t piece : {std::size_t{1}, text.size()}) EXPECT_EQ(read(text, limits, piece).unread(), 22U);
}

TEST(Http2Reader, AContinuationAfterTheEndOfItsBlockDecodesNothingAgain) {
  std::string text = headers(kCookie);
  for (int i = 0; i < 100; ++i) text += frame(kContinuation, "", kEndHeaders);
  const auto reader = read(text);
  EXPECT_EQ(reader.requests().front().fields, kCookieField);
  EXPECT_EQ(reader.stopped(), "malformed: CONTINUATION out of place");
}

TEST(Http2Reader, SmallBlocksThatDecodeToLargeOnesAreLimited) {
  // An entry of 4000 octets, and references to it of one octet each.
  const auto entry = "\x40\1x\x7f\xa1\x1e"s + std::string(4000, 'b');  // 127 + 3873
  const auto one = read(headers(entry + std::string(60'000, '\xbe')));
  EXPECT_EQ(one.stopped(), "more than 64 KiB of headers in one block, decoded");
  EXPECT_EQ(one.requests().front().fields.size(), 16U);
  EXPECT_EQ(one.unread(), 60'000U - 15);
  std::string many = headers(entry);
  for (int stream = 3; stream < 200; stream += 2) many += headers(std::string(10, '\xbe'), stream);
  EXPECT_EQ(read(many).stopped(), "more than 256 KiB of headers, decoded");
  const auto small = read(headers(std::string(60'000, '\x82')));
  EXPECT_EQ(small.requests().front().fields.size(), 64U * 1024 / (std::string(":methodGET").size() + 32));
}

TEST(Http2Reader, DataIsLimited) {
  Http2Limits limits;
  limits.data = 10;
  const auto reader = read(headers(kCookie) + frame(kData, "123456") + frame(kData, "1234567"), limits);
  EXPECT_EQ(reader.stopped(), "more than 10 bytes of DATA");
  EXPECT_EQ(reader.requests().front().body, "1234561234");
  EXPECT_EQ(reader.unread(), 3U);
}

}  // namespace
}  // namespace pindrill

#include "pindrill/http2.h"

#include <gtest/gtest.h>

#include "support/http2_frames.h"

namespace pindrill {
namespace {

using namespace std::string_literals;
using test::Fields;
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
using test::literal;
using test::read;

std::string from_hex(std::string_view hex) {
  std::string text;
  for (std::size_t at = 0; at + 1 < hex.size(); at += hex[at] == ' ' ? 1 : 2) {
    if (hex[at] != ' ') text += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
  }
  return text;
}

Fields fields_of(std::string_view text) {
  const auto reader = read(text);
  EXPECT_EQ(reader.stopped(), "");
  return reader.requests().empty() ? Fields{} : reader.requests().front().fields;
}

/// One connection of RFC 7541 appendix C: its header blocks, and what each is decoded to.
struct Vector {
  const char* name;
  std::string first;  ///< what the example takes for agreed: a size update
  std::vector<std::pair<std::string, Fields>> blocks;
};

const Fields kFirstRequest = {
    {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}};
const Fields kSecondRequest = {{":method", "GET"},
                               {":scheme", "http"},
                               {":path", "/"},
                               {":authority", "www.example.com"},
                               {"cache-control", "no-cache"}};
const Fields kThirdRequest = {{":method", "GET"},
                              {":scheme", "https"},
                              {":path", "/index.html"},
                              {":authority", "www.example.com"},
                              {"custom-key", "custom-value"}};
const Fields kFirstResponse = {{":status", "302"},
                               {"cache-control", "private"},
                               {"date", "Mon, 21 Oct 2013 20:13:21 GMT"},
                               {"location", "https://www.example.com"}};
const Fields kSecondResponse = {{":status", "307"},
                                {"cache-control", "private"},
                                {"date", "Mon, 21 Oct 2013 20:13:21 GMT"},
                                {"location", "https://www.example.com"}};
const Fields kThirdResponse = {{":status", "200"},
                               {"cache-control", "private"},
                               {"date", "Mon, 21 Oct 2013 20:13:22 GMT"},
                               {"location", "https://www.example.com"},
                               {"content-encoding", "gzip"},
                               {"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"}};
const std::string kTableOf256 = "3fe101";

class Rfc7541 : public ::testing::TestWithParam<Vector> {};

TEST_P(Rfc7541, IsDecodedAsItsAppendixCSays) {
  const auto& vector = GetParam();
  std::string text;
  int stream = 1;
  for (const auto& [hex, fields] : vector.blocks) {
    text += headers(from_hex((stream == 1 ? vector.first : "") + hex), stream);
    stream += 2;
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, text.size()}) {
    const auto reader = read(text, {}, piece);
    EXPECT_EQ(reader.stopped(), "");
    EXPECT_EQ(reader.cut(), 0U);
    ASSERT_EQ(reader.requests().size(), vector.blocks.size());
    for (std::size_t i = 0; i < vector.blocks.size(); ++i) {
      EXPECT_EQ(reader.requests()[i].fields, vector.blocks[i].second) << i;
      EXPECT_EQ(reader.requests()[i].stream, 2 * i + 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    AppendixC, Rfc7541,
    ::testing::Values(
        Vector{
            "C_2_1_LiteralWithIndexing",
            "",
            {{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", {{"custom-key", "custom-header"}}}}},
        Vector{
            "C_2_2_LiteralWithoutIndexing", "", {{"040c 2f73 616d 706c 652f 7061 7468", {{":path", "/sample/path"}}}}},
        Vector{"C_2_3_LiteralNeverIndexed",
               "",
               {{"1008 7061 7373 776f 7264 0673 6563 7265 74", {{"password", "secret"}}}}},
        Vector{"C_2_4_Indexed", "", {{"82", {{":method", "GET"}}}}},
        Vector{"C_3_Requests",
               "",
               {{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", kFirstRequest},
                {"8286 84be 5808 6e6f 2d63 6163 6865", kSecondRequest},
                {"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", kThirdRequest}}},
        Vector{"C_4_RequestsWithHuffman",
               "",
               {{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", kFirstRequest},
                {"8286 84be 5886 a8eb 1064 9cbf", kSecondRequest},
                {"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", kThirdRequest}}},
        Vector{"C_5_ResponsesWithEviction",
               kTableOf256,
               {{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 "
                 "3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                 kFirstResponse},
                {"4803 3330 37c1 c0bf", kSecondResponse},
                {"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 "
                 "7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 "
                 "6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
                 kThirdResponse}}},
        Vector{"C_6_ResponsesWithHuffmanAndEviction",
               kTableOf256,
               {{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad "
                 "1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                 kFirstResponse},
                {"4883 640e ffc1 c0bf", kSecondResponse},
                {"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 "
                 "e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                 kThirdResponse}}}),
    [](const auto& info) { return info.param.name; });

// --- frames ----------------------------------------------------------------------------------------------------

TEST(Http2Reader, LeavesPaddingAndPriorityOut) {
  const std::string priority("\0\0\0\0\x10", 5);
  const std::string padding(7, '\0');
  EXPECT_EQ(fields_of(frame(kHeaders, "\7"s + kCookie + padding, kEndHeaders | kPadded)), kCookieField);
  EXPECT_EQ(fields_of(frame(kHeaders, priority + kCookie, kEndHeaders | kPriority)), kCookieField);
  const auto both = frame(kHeaders, "\7"s + priority + kCookie + padding, kEndHeaders | kPadded | kPriority);
  EXPECT_EQ(fields_of(both), kCookieField);
  EXPECT_EQ(fields_of(frame(kHeaders, "\0"s + priority + kCookie, kEndHeaders | kPadded | kPriority)), kCookieField);
  const auto reader = read(headers(kCookie) + frame(kData, "ab") + frame(kData, "\3cd___"s, kPadded), {}, 1);
  ASSERT_EQ(reader.requests().size(), 1U);
  EXPECT_EQ(reader.requests().front().body, "abcd");
}

TEST(Http2Reader, ReadsABlockInManyFrames) {
  auto text = frame(kHeaders, "");
  for (const char octet : kCookie) text += frame(kContinuation, std::string(1, octet)) + frame(kContinuation, "");
  EXPECT_EQ(fields_of(text + frame(kContinuation, "", kEndHeaders)), kCookieField);
}

TEST(Http2Reader, TellsStreamsApartAndTrailersToTheirs) {
  const auto reader = read(headers(kCookie, 3) + headers(literal("x", "y"), 1) + frame(kData, "one", 0, 1) +
                           frame(kData, "three", 0, 3) + headers(literal("trailer", "z"), 3));
  ASSERT_EQ(reader.requests().size(), 2U);
  EXPECT_EQ(reader.requests()[0].body, "three");
  EXPECT_EQ(reader.requests()[0].fields, (Fields{{"cookie", "a=b"}, {"trailer", "z"}}));
  EXPECT_EQ(reader.requests()[1].body, "one");
}

TEST(Http2Reader, ReadsWhatIsThereOfAnUnfinishedBlock) {
  const auto text = frame(kHeaders, kCookie + literal("authorization", "Bearer xyz"));
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto reader = read(std::string_view(text).substr(0, size));
    const auto fields = reader.requests().empty() ? Fields{} : reader.requests().front().fields;
    const auto sent = size < 9 ? 0 : size - 9;
    EXPECT_EQ(fields, sent < kCookie.size() ? Fields{} : kCookieField) << size;
    EXPECT_EQ(reader.cut(), sent < kCookie.size() ? sent : sent - kCookie.size()) << size;
    EXPECT_EQ(reader.stopped(), "");
  }
}

TEST(Http2Reader, FollowsTheSizeOfTheTable) {
  // A server may allow more than the 4096 octets that a table begins with; the update says so.
  const auto larger = "\x3f"s + "\xe1\xff\3"s;  // 31 + 65505 = 65536
  std::string block = larger;
  for (char each = 'a'; each <= 'z'; ++each) {
    const std::string value(2000, each);
    block += "\x40\1"s + each + "\x7f\xd1\x0e"s + value;  // 127 + 1873
  }
  const auto reader = read(headers(block) + headers(std::string(1, static_cast<char>(0x80 | (61 + 26))), 3));
  EXPECT_EQ(reader.stopped(), "");
  ASSERT_EQ(reader.requests().size(), 2U);
  EXPECT_EQ(reader.requests()[1].fields, (Fields{{"a", std::string(2000, 'a')}}));
  const auto emptied = read(headers("\x40\1x\1y"s) + headers("\x20\x3f\xe1\x1f\xbe"s, 3));
  EXPECT_NE(emptied.stopped(), "") << "nothing is left in the table";
}

TEST(Http2Reader, CountsOtherFramesThatMayHoldAnything) {
  const auto reader = read(frame(4, std::string(12, '\0')) + frame(6, "12345678") + frame(8, "\0\0\0\1"s) +
                           frame(2, std::string(5, '\0')) + frame(7, std::string(8, '\0')) + frame(3, "\0\0\0\10"s));
  EXPECT_EQ(reader.other(), 0U);
  EXPECT_EQ(read(frame(0x42, "secret")).other(), 6U);
  EXPECT_EQ(read(frame(7, std::string(8, '\0') + "why")).other(), 11U);
  EXPECT_EQ(read(frame(6, "123456789"), {}, 2).other(), 9U);
}

}  // namespace
}  // namespace pindrill

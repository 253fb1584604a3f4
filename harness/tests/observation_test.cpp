#include "pindrill/observation.h"

#include <gtest/gtest.h>

#include <chrono>

namespace pindrill {
namespace {

TEST(Observation, TimeIsTheMonotonicClockOfThePythonSide) {
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_MONOTONIC, &before);
  const auto now = monotonic_now();
  clock_gettime(CLOCK_MONOTONIC, &after);
  const auto nanoseconds = [](const timespec& t) { return t.tv_sec * Nanoseconds{1'000'000'000} + t.tv_nsec; };
  EXPECT_LE(nanoseconds(before), now);
  EXPECT_LE(now, nanoseconds(after));
}

TEST(Observation, StartsWithNothingHavingHappened) {
  const Observation facts;
  EXPECT_EQ(facts.progress, Progress::nothing);
  EXPECT_EQ(facts.ended, Ended::open);
  EXPECT_FALSE(facts.hello);
  EXPECT_EQ(facts.flight_made_at + facts.flight_sent_at + facts.finished_at + facts.first_data_at, 0);
}

}  // namespace
}  // namespace pindrill

// What may be used on the loop's thread only says so where it is used elsewhere, in builds with assertions.

#include <gtest/gtest.h>

#include <future>

#include "pindrill/net.h"
#include "support/socket.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;

#ifdef NDEBUG
constexpr bool kAsserts = false;
#else
constexpr bool kAsserts = true;
#endif

class LoopThreadDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kAsserts) GTEST_SKIP() << "a build without assertions";
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // the loop's thread is there
  }

  std::shared_ptr<Stream> accepted() {
    std::promise<std::shared_ptr<Stream>> taken;
    const Listener listener(loop_, "127.0.0.1", 0,
                            [&](std::shared_ptr<Stream> stream) { taken.set_value(std::move(stream)); });
    const test::Socket client(listener.port());
    return taken.get_future().get();
  }

  Loop loop_;
};

TEST_F(LoopThreadDeathTest, TheThreadIsKnown) {
  EXPECT_FALSE(loop_.here());
  loop_.run([&] { EXPECT_TRUE(loop_.here()); });
}

TEST_F(LoopThreadDeathTest, ATimerIsNotStartedElsewhere) {
  std::unique_ptr<Timer> timer;
  loop_.run([&] {
    timer = std::make_unique<Timer>(loop_);
    timer->start(1h, [] {});
  });
  EXPECT_DEATH(timer->start(1h, [] {}), "here\\(\\)");
  EXPECT_DEATH(timer->stop(), "here\\(\\)");
  loop_.run([&] { timer.reset(); });
}

TEST_F(LoopThreadDeathTest, AStreamIsNotUsedElsewhere) {
  const auto stream = accepted();
  EXPECT_DEATH(stream->pause(), "here\\(\\)");
  EXPECT_DEATH(stream->write({}), "here\\(\\)");
  EXPECT_DEATH(stream->close(), "here\\(\\)");
  loop_.run([&] { stream->close(); });
}

TEST_F(LoopThreadDeathTest, NorIsAListenerOrAConnectionBegun) {
  Listener listener(loop_, "127.0.0.1", 0, [](const std::shared_ptr<Stream>& stream) { stream->close(); });
  EXPECT_DEATH(listener.drain(), "here\\(\\)");
  EXPECT_DEATH(connect(loop_, {}, "192.0.2.1", 1, [](const auto&, const auto&) {}), "here\\(\\)");
}

TEST_F(LoopThreadDeathTest, TheLoopDoesNotWaitForItself) {
  EXPECT_DEATH(loop_.run([&] { loop_.run([] {}); }), "here\\(\\)");
}

}  // namespace
}  // namespace pindrill

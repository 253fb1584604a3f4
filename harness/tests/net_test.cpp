#include "pindrill/net.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "pindrill/ossl.h"
#include "support/socket.h"

namespace pindrill {
namespace {

using test::Socket;
using test::SocketEnd;

/// Notes what it hears; `on_bytes` may act on the stream.
struct Ear : StreamHandler {
  explicit Ear(std::shared_ptr<Stream> wire) : stream(std::move(wire)) {}

  void on_data(std::span<const unsigned char> bytes) override {
    heard.append(bytes.begin(), bytes.end());
    on_bytes();
  }
  void on_written(std::uint64_t total) override { written = total; }
  void on_end(StreamEnd how) override {
    stream.reset();
    end.set_value(how);
  }

  std::shared_ptr<Stream> stream;
  std::string heard;
  std::uint64_t written = 0;
  std::function<void()> on_bytes = [] {};
  std::promise<StreamEnd> end;
};

TEST(Loop, RunWaitsAndPassesExceptionsOn) {
  Loop loop;
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  loop.run([&] { there = std::this_thread::get_id(); });
  EXPECT_NE(there, here);
  EXPECT_THROW(loop.run([] { throw Error(ErrorKind::input, "x"); }), Error);
  int order = 0;
  loop.post([&] { order = 1; });
  loop.run([&] { order = order == 1 ? 2 : 3; });
  EXPECT_EQ(order, 2);
}

TEST(Loop, ServesManyThreads) {
  Loop loop;
  int count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) loop.run([&] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 800);
}

TEST(Listener, SaysWhyItCannotListen) {
  Loop loop;
  const Listener first(loop, "127.0.0.1", 0, [](const std::shared_ptr<Stream>&) {});
  EXPECT_NE(first.port(), 0);
  try {
    const Listener second(loop, "127.0.0.1", first.port(), [](const std::shared_ptr<Stream>&) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::system);
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:" + std::to_string(first.port())), std::string::npos);
  }
  EXPECT_THROW(Listener(loop, "app.pin.test", 0, [](const std::shared_ptr<Stream>&) {}), Error);
}

TEST(Listener, MayEndWhileConnectionsLive) {
  Loop loop;
  std::promise<std::shared_ptr<Ear>> taken;
  auto listener = std::make_unique<Listener>(loop, "127.0.0.1", 0, [&](const std::shared_ptr<Stream>& stream) {
    auto ear = std::make_shared<Ear>(stream);
    stream->start(ear);
    taken.set_value(ear);
  });
  Socket socket(listener->port());
  const auto ear = taken.get_future().get();
  listener.reset();
  socket.send("hello");
  socket.finish();
  EXPECT_EQ(ear->end.get_future().get(), StreamEnd::fin);
  EXPECT_EQ(ear->heard, "hello");
}

/// A connection of both sides, made by the loop's own accept.
class Wire : public ::testing::Test {
 protected:
  Wire()
      : listener_(loop_, "127.0.0.1", 0, [this](const std::shared_ptr<Stream>& stream) {
          auto ear = std::make_shared<Ear>(stream);
          if (prepare_) prepare_(*ear);
          stream->start(ear);
          taken_.set_value(ear);
        }) {}
  ~Wire() override {
    loop_.run([this] {
      if (ear_ && ear_->stream) std::exchange(ear_->stream, nullptr)->close();
    });
  }

  void open() {
    socket_.emplace(listener_.port());
    ear_ = taken_.get_future().get();
  }

  static std::vector<unsigned char> copy(std::string_view text) { return {text.begin(), text.end()}; }

  std::function<void(Ear&)> prepare_;
  std::promise<std::shared_ptr<Ear>> taken_;
  std::optional<Socket> socket_;
  std::shared_ptr<Ear> ear_;
  Loop loop_;
  Listener listener_;
};

TEST_F(Wire, CarriesBytesBothWaysAndTellsFin) {
  prepare_ = [](Ear& ear) {
    ear.on_bytes = [&ear] {
      if (ear.heard != "ping") return;
      ear.stream->write(copy("pong"));
      ear.stream->finish();
    };
  };
  open();
  socket_->send("ping");
  EXPECT_EQ(socket_->read_all(), "pong");
  EXPECT_EQ(socket_->end(), SocketEnd::fin);
  socket_->send("more");
  socket_->finish();
  EXPECT_EQ(ear_->end.get_future().get(), StreamEnd::fin);
  EXPECT_EQ(ear_->heard, "pingmore") << "reading goes on after our FIN";
  EXPECT_EQ(ear_->written, 4U);
}

TEST_F(Wire, TellsResetAndKeepsWhatCameBefore) {
  open();
  socket_->send("last words");
  socket_->reset();
  EXPECT_EQ(ear_->end.get_future().get(), StreamEnd::reset);
  EXPECT_EQ(ear_->heard, "last words");
}

TEST_F(Wire, WritesMoreThanTheKernelHolds) {
  open();
  const std::string large(32 * 1024 * 1024, 'x');
  std::uint64_t at_once = 0;
  loop_.run([&] {
    ear_->stream->write(copy("first"));
    ear_->stream->write(copy(large));
    ear_->stream->write(copy("last"));
    ear_->stream->finish();
    at_once = ear_->written;
  });
  EXPECT_LT(at_once, large.size()) << "nobody has read yet";
  const auto all = socket_->read_all();
  EXPECT_EQ(all.size(), large.size() + 9);
  EXPECT_TRUE(all.starts_with("firstx"));
  EXPECT_TRUE(all.ends_with("xlast"));
  EXPECT_EQ(socket_->end(), SocketEnd::fin);
  socket_->close();
  ear_->end.get_future().wait();
  EXPECT_EQ(ear_->written, all.size());
}

TEST_F(Wire, WhatIsNotReadIsNotWritten) {
  open();
  loop_.run([&] { ear_->stream->write(std::vector<unsigned char>(32 * 1024 * 1024)); });
  socket_->reset();
  EXPECT_EQ(ear_->end.get_future().get(), StreamEnd::reset);
  EXPECT_LT(ear_->written, 32U * 1024 * 1024);
}

TEST_F(Wire, AHandlerMayCloseWhileItIsCalled) {
  std::promise<void> closed;
  prepare_ = [&](Ear& ear) {
    ear.on_bytes = [&ear, &closed] {
      ear.stream->close();
      ear.stream->write(copy("too late"));
      closed.set_value();
    };
  };
  open();
  socket_->send("x");
  closed.get_future().wait();
  EXPECT_EQ(socket_->read_all(), "");
}

TEST_F(Wire, WritesAfterTheEndAreNothing) {
  prepare_ = [](Ear& ear) {
    ear.on_bytes = [&ear] {
      ear.stream->finish();
      ear.stream->write(copy("late"));
    };
  };
  open();
  socket_->send("x");
  EXPECT_EQ(socket_->read_all(), "");
  EXPECT_EQ(socket_->end(), SocketEnd::fin);
}

/// What the loop's thread has used of the processor.
std::chrono::nanoseconds used_by(Loop& loop) {
  timespec used{};
  loop.run([&] { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used); });
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST(Listener, WaitsQuietlyForRoomWhenTheProcessHasTooManyFiles) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer opens a pipe to look at an object's type, and takes the lack of one for a wrong type";
#endif
#endif
  Loop loop;
  std::promise<void> taken;
  const Listener listener(loop, "127.0.0.1", 0, [&](const std::shared_ptr<Stream>&) { taken.set_value(); });
  used_by(loop);
  std::optional<Socket> client;
  std::vector<int> files;
  rlimit before_us{};
  getrlimit(RLIMIT_NOFILE, &before_us);
  const rlimit few{256, before_us.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  {
    const int spare = dup(0);
    while (files.empty() || files.back() >= 0) files.push_back(dup(0));
    files.pop_back();
    close(spare);
    client.emplace(listener.port());  // takes the last one
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto before = used_by(loop);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LT(used_by(loop) - before, std::chrono::milliseconds(40)) << "it asks again and again";
  for (const int file : files) close(file);
  setrlimit(RLIMIT_NOFILE, &before_us);
  EXPECT_EQ(taken.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(Connecting, OddNamesAndHiddenAddressesGoNowhere) {
  Loop loop;
  Route route;
  route.private_addresses = true;
  route.timeout = std::chrono::seconds(5);
  const auto failure_of = [&](const std::string& host) {
    std::promise<std::string> told;
    loop.run([&] {
      connect(loop, route, host, 1,
              [&](const std::shared_ptr<Stream>&, const std::string& why) { told.set_value(why); });
    });
    return told.get_future().get();
  };
  using namespace std::string_literals;
  for (const auto& host : {""s, " "s, "a b"s, "a\0b"s, ".a"s, "\xff"s, std::string(256, 'a')}) {
    EXPECT_EQ(failure_of(host), "not a host name") << host;
  }
  route.private_addresses = false;
  EXPECT_NE(failure_of("::ffff:127.0.0.1").find("127.0.0.1 is a private address"), std::string::npos);
  EXPECT_NE(failure_of("0.0.0.0").find("127.0.0.1 is a private address"), std::string::npos) << "it means this machine";
}

TEST(Listener, DrainTakesAllThatWait) {
  Loop loop;
  std::vector<std::shared_ptr<Stream>> taken;
  Listener listener(loop, "127.0.0.1", 0, [&](std::shared_ptr<Stream> stream) { taken.push_back(std::move(stream)); });
  std::vector<Socket> sockets;
  std::size_t count = 0;
  loop.run([&] {
    for (int i = 0; i < 50; ++i) sockets.emplace_back(listener.port());
    listener.drain();
    count = taken.size();
    taken.clear();
  });
  EXPECT_EQ(count, 50U);
}

}  // namespace
}  // namespace pindrill

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "pindrill/server.h"
#include "support/serving.h"

namespace pindrill {
namespace {

using namespace std::chrono_literals;
using test::ClientOptions;
using test::eventually;
using test::kRequest;
using test::kResponse;
using test::ServerTest;
using test::Socket;
using test::text_of;
using test::TlsClient;

class ServerLoad : public ServerTest {};
class ServerLoadVersions : public test::ServerVersions {};

INSTANTIATE_TEST_SUITE_P(Version, ServerLoadVersions, test::kVersions, test::version_name);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PINDRILL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PINDRILL_SANITIZED 1
#endif
#endif
#ifdef PINDRILL_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

TEST_F(ServerLoad, ManyServersShareALoopAndManyThreadsAskThem) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      Server server(loop_, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}), shown());
      for (int j = 0; j < 10; ++j) {
        server.serve(shown(std::to_string(i) + "." + std::to_string(j)));
        Socket socket(server.port());
        TlsClient client(ClientOptions{j % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION});
        ASSERT_TRUE(handshake(client, socket));
        client.send(kRequest);
        socket.send(text_of(client.take_output()));
        EXPECT_EQ(read_all(client, socket), kResponse);
        socket.close();
        ASSERT_TRUE(server.settle(20s));
        EXPECT_EQ(server.observations().back().credential, std::to_string(i) + "." + std::to_string(j));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_P(ServerLoadVersions, AThousandIdleConnectionsAreCheap) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2500) GTEST_SKIP() << "too few file descriptors: " << files.rlim_cur;

  std::vector<Socket> sockets;
  const auto open = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      sockets.emplace_back(server_.port());
      TlsClient client(ClientOptions{GetParam().number});
      ASSERT_TRUE(handshake(client, sockets.back()));
    }
    ASSERT_TRUE(eventually([&] {
      const auto all = server_.observations();
      return all.size() == sockets.size() &&
             std::all_of(all.begin(), all.end(), [](const Observation& facts) { return facts.finished_at != 0; });
    }));
  };
  open(50);
  malloc_trim(0);  // what earlier tests left behind would be used first
  const auto before = resident_bytes();
  open(1000);
  const auto each = (resident_bytes() - before) / 1000;
  RecordProperty("bytes_per_idle_connection", std::to_string(each));
  std::printf("%s: %zu bytes per idle connection\n", GetParam().name, each);
  if (!kSanitized) {
    // The budget is 24 KiB, met with OpenSSL 3.0; the library itself takes more from 3.5 on. A leak takes far more.
    EXPECT_LT(each, 48U * 1024);
  }
  for (auto& socket : sockets) socket.close();
  EXPECT_EQ(settled().size(), 1050U);
}

}  // namespace
}  // namespace pindrill

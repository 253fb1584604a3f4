// Microseconds to open and close a server; and a bare listening socket, as the part that the kernel takes.
//
//   pindrill-bench-open KEY_PEM CHAIN_PEM COUNT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "credential.h"
#include "pindrill/server.h"

namespace {

template <typename Work>
double microseconds(int count, Work work) {
  for (int i = 0; i < count / 10; ++i) work();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / count;
}

void listen_once() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd, 1024) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int count = std::atoi(argv[3]);
  const auto credential = pindrill::bench::credential(argv[1], argv[2]);
  const auto context = std::make_shared<const pindrill::ServerContext>(pindrill::TlsOptions{});
  pindrill::Loop loop;
  std::printf("server %.2f\n", microseconds(count, [&] {
                const pindrill::Server server(loop, "127.0.0.1", 0, context, {"bench", credential, ""});
              }));
  std::printf("socket %.2f\n", microseconds(count, listen_once));
}

// The load generator: full TLS 1.3 handshakes on loopback, one after the other, in one thread. Nothing is verified.
//
//   pindrill-bench-load handshake|get PORT COUNT   prints the seconds that COUNT connections took
//   pindrill-bench-load idle PORT COUNT            opens COUNT, prints "ready", holds them until standard input ends
//
// Every connection ends cleanly: our close_notify (handshake) or the server's answer (get), then the server's FIN.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "pindrill/ossl.h"

namespace {

using pindrill::check, pindrill::OsslPtr, pindrill::owned;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connected(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

OsslPtr<SSL_CTX> client_context() {
  auto context = owned(SSL_CTX_new(TLS_client_method()), "make a client");
  check(SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1 &&
            SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") == 1 &&
            SSL_CTX_set1_groups_list(context.get(), "X25519") == 1,
        "set up a client");
  return context;
}

OsslPtr<SSL> shaken(SSL_CTX* context, int fd) {
  auto ssl = owned(SSL_new(context), "make a client");
  SSL_set_tlsext_host_name(ssl.get(), "app.pin.test");
  SSL_set_fd(ssl.get(), fd);
  check(SSL_connect(ssl.get()) == 1, "handshake");
  return ssl;
}

void once(SSL_CTX* context, std::uint16_t port, bool get) {
  static constexpr std::string_view request =
      "GET /pd7s000000000000000000000000 HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";
  std::array<char, 16384> buffer;
  const int fd = connected(port);
  const auto ssl = shaken(context, fd);
  if (get) {
    check(SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) > 0, "request");
    std::size_t answered = 0;
    for (int size = 0; (size = SSL_read(ssl.get(), buffer.data(), buffer.size())) > 0;) {
      answered += static_cast<std::size_t>(size);
    }
    if (answered == 0) die("no answer");
  }
  SSL_shutdown(ssl.get());
  while (read(fd, buffer.data(), buffer.size()) > 0) {
  }
  close(fd);
}

void hold(SSL_CTX* context, std::uint16_t port, int count) {
  std::vector<OsslPtr<SSL>> held;
  for (int i = 0; i < count; ++i) held.push_back(shaken(context, connected(port)));
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string mode = argv[1];
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const int count = std::atoi(argv[3]);
  const auto context = client_context();
  if (mode == "idle") {
    hold(context.get(), port, count);
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) once(context.get(), port, mode == "get");
  std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

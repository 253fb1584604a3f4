// A server of nothing but octets, and clients of it, through whatever stands between: TLS on both sides.
//
//   pindrill-bench-relay serve KEY_PEM CHAIN_PEM   prints its port; a request is 8 octets, the size of the answer
//   pindrill-bench-relay down PORT BYTES           prints the seconds in which one answer of BYTES came
//   pindrill-bench-relay ask PORT COUNT            prints the seconds of COUNT small answers, one after the other
//   pindrill-bench-relay first PROXY PORT COUNT PREFIX
//       prints the seconds of COUNT connections through an HTTP proxy, each to a name of its own
//       (PREFIX0.app.pin.test …): CONNECT, handshake, one small answer
//   pindrill-bench-relay known PROXY PORT COUNT NAME
//       the same, all to NAME
//   pindrill-bench-relay hold PORT COUNT           opens COUNT, prints "ready", holds them until standard input ends

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "pindrill/pki.h"

namespace {

using namespace pindrill;

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::uint64_t kSmall = 200;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int connected(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const auto address = loopback(port);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("connect");
  at_once(fd);
  return fd;
}

// --- the server ------------------------------------------------------------------------------------------------

void answer(SSL_CTX* context, int fd) {
  at_once(fd);
  const auto ssl = owned(SSL_new(context), "make a server's end");
  SSL_set_fd(ssl.get(), fd);
  std::uint64_t wanted = 0;
  static const std::vector<unsigned char> octets(kPiece, 'x');
  while (SSL_accept(ssl.get()) == 1 && SSL_read(ssl.get(), &wanted, sizeof wanted) == sizeof wanted) {
    while (wanted > 0) {
      const auto size = static_cast<int>(std::min<std::uint64_t>(wanted, kPiece));
      if (SSL_write(ssl.get(), octets.data(), size) != size) break;
      wanted -= static_cast<std::uint64_t>(size);
    }
  }
  close(fd);
}

std::string content(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int serve(const char* key_file, const char* chain_file) {
  const auto context = owned(SSL_CTX_new(TLS_server_method()), "make a server");
  const auto key = KeyPair::from_pem(content(key_file));
  const auto chain = Certificate::list_from_pem(content(chain_file));
  check(SSL_CTX_use_certificate(context.get(), chain[0].get()) == 1 &&
            SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1 && SSL_CTX_set_num_tickets(context.get(), 0) == 1,
        "set up a server");
  for (std::size_t i = 1; i < chain.size(); ++i) {
    check(SSL_CTX_add1_chain_cert(context.get(), chain[i].get()) == 1, "use a chain");
  }
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listening, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listening, 4096) != 0 ||
      getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    die("listen");
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {
    const int fd = accept(listening, nullptr, nullptr);
    if (fd < 0) die("accept");
    std::thread(answer, context.get(), fd).detach();
  }
}

// --- the clients -----------------------------------------------------------------------------------------------

OsslPtr<SSL> shaken(SSL_CTX* context, int fd, const std::string& name) {
  auto ssl = owned(SSL_new(context), "make a client");
  SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  SSL_set_fd(ssl.get(), fd);
  check(SSL_connect(ssl.get()) == 1, "handshake");
  return ssl;
}

void ask(SSL* ssl, std::uint64_t wanted) {
  static std::vector<unsigned char> octets(kPiece);
  check(SSL_write(ssl, &wanted, sizeof wanted) == sizeof wanted, "ask");
  while (wanted > 0) {
    const int size = SSL_read(ssl, octets.data(), static_cast<int>(octets.size()));
    check(size > 0, "read the answer");
    wanted -= static_cast<std::uint64_t>(size);
  }
}

void through_proxy(SSL_CTX* context, std::uint16_t proxy, std::uint16_t port, const std::string& name) {
  const int fd = connected(proxy);
  const auto where = name + ":" + std::to_string(port);
  const auto request = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n\r\n";
  if (write(fd, request.data(), request.size()) < 0) die("CONNECT");
  std::string said;
  std::array<char, 512> part;
  while (said.find("\r\n\r\n") == std::string::npos) {
    const auto size = read(fd, part.data(), part.size());
    if (size <= 0) die("CONNECT");
    said.append(part.data(), static_cast<std::size_t>(size));
  }
  if (said.find(" 200 ") == std::string::npos) die("CONNECT was refused");
  {
    const auto ssl = shaken(context, fd, name);
    ask(ssl.get(), kSmall);
    SSL_shutdown(ssl.get());
  }
  close(fd);
}

void hold(std::uint16_t port, SSL_CTX* context, int count) {
  std::vector<OsslPtr<SSL>> held;
  for (int i = 0; i < count; ++i) held.push_back(shaken(context, connected(port), "app.pin.test"));
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

template <typename Work>
void timed(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string mode = argv[1];
  if (mode == "serve") return serve(argv[2], argv[3]);
  const auto context = owned(SSL_CTX_new(TLS_client_method()), "make a client");
  check(SSL_CTX_set1_groups_list(context.get(), "X25519") == 1, "set up a client");
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const auto count = std::strtoull(argv[3], nullptr, 10);
  if (mode == "down") {
    const auto ssl = shaken(context.get(), connected(port), "app.pin.test");
    timed([&] { ask(ssl.get(), count); });
  } else if (mode == "ask") {
    const auto ssl = shaken(context.get(), connected(port), "app.pin.test");
    timed([&] {
      for (std::uint64_t i = 0; i < count; ++i) ask(ssl.get(), kSmall);
    });
  } else if ((mode == "first" || mode == "known") && argc == 6) {
    const auto upstream = static_cast<std::uint16_t>(std::atoi(argv[3]));
    const auto connections = std::strtoull(argv[4], nullptr, 10);
    const std::string name = argv[5];
    timed([&] {
      for (std::uint64_t i = 0; i < connections; ++i) {
        const auto to = mode == "known" ? name : name + std::to_string(i) + ".app.pin.test";
        through_proxy(context.get(), port, upstream, to);
      }
    });
  } else if (mode == "hold") {
    hold(port, context.get(), static_cast<int>(count));
  } else {
    return 2;
  }
}

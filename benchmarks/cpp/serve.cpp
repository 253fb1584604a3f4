// The scenario server alone, in a process of its own, until standard input ends. Prints its port.
//
//   pindrill-bench-serve KEY_PEM CHAIN_PEM

#include <cstdio>

#include "credential.h"
#include "pindrill/server.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  pindrill::Loop loop;
  const auto context = std::make_shared<const pindrill::ServerContext>(pindrill::TlsOptions{});
  const std::string response =
      "HTTP/1.1 200 Answer\r\nContent-Type: text/plain\r\nContent-Length: 29\r\nConnection: close\r\n\r\n"
      "pd7c000000000000000000000000\n";
  pindrill::Server server(loop, "127.0.0.1", 0, context,
                          {"bench", pindrill::bench::credential(argv[1], argv[2]), response});
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

#include "support/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace pindrill::test {
namespace {

constexpr int kPatienceSeconds = 20;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Socket::Socket(std::uint16_t port) : Socket(Accepted{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}) {
  const auto address = loopback(port);
  if (fd_ < 0 || connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::system_error(errno, std::system_category(), "connect");
  }
}

Socket::Socket(const Accepted& accepted) : fd_(accepted.fd) {
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int at_once = 1;  // a reset would discard what Nagle's algorithm holds back
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
}

Socket::~Socket() { close(); }

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), end_(other.end_) {}

void Socket::send(std::string_view text) {
  while (!text.empty()) {
    const auto size = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (size <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

std::string Socket::receive() {
  std::array<char, 65536> buffer;
  const auto size = recv(fd_, buffer.data(), buffer.size(), 0);
  if (size > 0) return {buffer.data(), static_cast<std::size_t>(size)};
  end_ = size == 0 ? SocketEnd::fin : errno == ECONNRESET ? SocketEnd::reset : SocketEnd::timeout;
  return {};
}

std::string Socket::read_all() {
  std::string all;
  for (auto part = receive(); !part.empty(); part = receive()) all += part;
  return all;
}

void Socket::finish() { shutdown(fd_, SHUT_WR); }

void Socket::reset() {
  const linger none{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close();
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Doorstep::Doorstep() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = loopback(0);
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(fd_, 64) != 0) {
    throw std::system_error(errno, std::system_category(), "listen");
  }
}

Doorstep::~Doorstep() { ::close(fd_); }

std::uint16_t Doorstep::port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

Socket Doorstep::accept() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::system_category(), "accept");
  return Socket(Accepted{fd});
}

bool handshake(TlsClient& client, Socket& socket) {
  while (true) {
    const bool through = client.handshake();
    socket.send(text_of(client.take_output()));
    if (through) return true;
    const auto part = socket.receive();
    if (part.empty()) return false;
    client.receive(bytes_of(part));
  }
}

std::string read_all(TlsClient& client, Socket& socket) {
  std::string all;
  for (auto part = socket.receive(); !part.empty(); part = socket.receive()) {
    client.receive(bytes_of(part));
    all += client.read();
  }
  return all;
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kPatienceSeconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace pindrill::test

#include <netinet/tcp.h>

#include <boost/asio/post.hpp>
#include <cassert>
#include <deque>
#include <utility>

#include "net_impl.h"

namespace pindrill {
namespace {

// SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of linux/netfilter_ipv4.h and …_ipv6.h, which clash with netinet/in.h.
constexpr int kOriginalDestination = 80;

constexpr int kReadsInARow = 16;  ///< then others have their turn
constexpr int kIdleSeconds = 60;
constexpr int kProbeSeconds = 15;
constexpr int kProbes = 4;

Endpoint endpoint(const tcp::endpoint& from) { return {unmapped(from.address()).to_string(), from.port()}; }

Endpoint original(tcp::socket& socket, const Endpoint& otherwise) {
  tcp::endpoint found;
  auto size = static_cast<socklen_t>(found.capacity());
  const bool v6 = otherwise.address.find(':') != std::string::npos;  // not so for IPv4 on an IPv6 socket
  if (::getsockopt(socket.native_handle(), v6 ? SOL_IPV6 : SOL_IP, kOriginalDestination, found.data(), &size) != 0) {
    return otherwise;
  }
  found.resize(size);
  return endpoint(found);
}

class TcpStream final : public Stream, public std::enable_shared_from_this<TcpStream> {
 public:
  TcpStream(Loop::Impl& loop, tcp::socket socket) : loop_(loop), socket_(std::move(socket)) {
    ErrorCode ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
  }

  void start(std::shared_ptr<StreamHandler> handler) override {
    assert(loop_.here());
    const auto self = shared_from_this();  // the handler may let go of this stream
    handler_ = std::move(handler);
    if (total_ > 0 || waiting_ > 0) told();
    if (!paused_) read_some();
  }

  void write(std::span<const unsigned char> bytes) override {
    assert(loop_.here());
    if (bytes.empty() || broken_) return;
    ++writes_;
    if (queue_.empty()) {
      // Small answers fit into the kernel's buffer: no copy, no detour through the event loop.
      const auto size = write_now(bytes);
      bytes = bytes.subspan(size);
      if (bytes.empty() || broken_) return told();
    }
    const bool waits = !queue_.empty();
    queue_.emplace_back(bytes.begin(), bytes.end());
    waiting_ += bytes.size();
    if (!waits) wait_to_write();
    told();
  }

  std::size_t waiting() const noexcept override { return waiting_; }

  void pause() override {
    assert(loop_.here());
    paused_ = true;
  }

  void resume() override {
    assert(loop_.here());
    if (std::exchange(paused_, false)) read_later();
  }

  void finish() override {
    assert(loop_.here());
    finishing_ = true;
    if (queue_.empty()) send_fin();
  }

  void close() override {
    assert(loop_.here());
    ErrorCode ignored;
    socket_.close(ignored);
    handler_.reset();
    queue_.clear();
    waiting_ = 0;
  }

  void reset() override {
    assert(loop_.here());
    ErrorCode ignored;
    socket_.set_option(tcp::socket::linger(true, 0), ignored);
    close();
  }

  void probe() override {
    using asio::detail::socket_option::integer;
    ErrorCode ignored;
    socket_.set_option(tcp::socket::keep_alive(true), ignored);
    socket_.set_option(integer<IPPROTO_TCP, TCP_KEEPIDLE>(kIdleSeconds), ignored);
    socket_.set_option(integer<IPPROTO_TCP, TCP_KEEPINTVL>(kProbeSeconds), ignored);
    socket_.set_option(integer<IPPROTO_TCP, TCP_KEEPCNT>(kProbes), ignored);
  }

  Endpoint peer() const override {
    ErrorCode error;
    return endpoint(socket_.remote_endpoint(error));
  }

  Endpoint local() const override {
    ErrorCode error;
    return endpoint(socket_.local_endpoint(error));
  }

  Endpoint original_destination() const override { return original(const_cast<tcp::socket&>(socket_), local()); }

 private:
  void wait() {
    waits_to_read_ = true;
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
      self->waits_to_read_ = false;
      if (!error) self->read_some();
    });
  }

  /// Not from here: the caller may stand in the middle of an event.
  void read_later() {
    if (!handler_ || waits_to_read_ || ended_ || std::exchange(reads_later_, true)) return;
    asio::post(loop_.context, [self = shared_from_this()] {
      self->reads_later_ = false;
      if (!self->waits_to_read_) self->read_some();
    });
  }

  void read_some() {
    const auto self = shared_from_this();  // the handler may let go of this stream
    const auto before = writes_;
    bool any = false;
    for (int reads = 0; handler_ && !paused_ && !ended_; ++reads) {
      if (reads == kReadsInARow) return read_later();
      ErrorCode error;
      const auto size = socket_.read_some(asio::buffer(loop_.buffer), error);
      if (error && error != asio::error::would_block) {
        return end(error == asio::error::eof && !reset_ ? StreamEnd::fin : StreamEnd::reset);
      }
      // The handler may close this stream, and with it itself.
      const auto keep = handler_;
      any = any || size > 0;
      if (size > 0) keep->on_data({loop_.buffer.data(), size});
      if (size == loop_.buffer.size()) continue;
      if (!handler_) return;
      if (any && writes_ == before) acknowledge_at_once();  // what we write carries the ACK
      if (!paused_) return wait();
    }
  }

  /// Clients that send a request in pieces wait 40 ms for a delayed ACK otherwise. Not a lasting option (tcp(7)).
  void acknowledge_at_once() {
    ErrorCode ignored;
    socket_.set_option(asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>(true), ignored);
  }

  std::size_t write_now(std::span<const unsigned char> bytes) {
    ErrorCode error;
    std::size_t size = 0;
    while (size < bytes.size()) {
      const auto rest = bytes.subspan(size);
      size += socket_.write_some(asio::buffer(rest.data(), rest.size()), error);
      if (error) break;
    }
    total_ += size;
    if (error && error != asio::error::would_block) broke(error);
    return size;
  }

  void wait_to_write() {
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](ErrorCode error) {
      if (!error) self->write_next();
    });
  }

  void write_next() {
    while (!queue_.empty()) {
      const auto& front = queue_.front();
      const auto size = write_now(std::span(front).subspan(offset_));
      if (broken_) return told();
      waiting_ -= size;
      offset_ += size;
      if (offset_ < front.size()) {
        wait_to_write();
        return told();
      }
      queue_.pop_front();
      offset_ = 0;
    }
    if (finishing_) send_fin();
    told();
  }

  void told() {
    const auto keep = handler_;
    if (keep) keep->on_written(total_);
  }

  void broke(ErrorCode error) {
    // The reading side sees how the connection ended, but the kernel tells of a reset only once.
    broken_ = true;
    reset_ = reset_ || error == asio::error::connection_reset;
    queue_.clear();
    waiting_ = 0;
    if (!ended_) return resume();
    asio::post(loop_.context, [self = shared_from_this()] { self->tell_end(StreamEnd::reset); });
  }

  void send_fin() {
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void end(StreamEnd how) {
    ended_ = true;
    broken_ = broken_ || how == StreamEnd::reset;
    tell_end(how);
  }

  void tell_end(StreamEnd how) {
    const auto keep = handler_;
    if (keep) keep->on_end(how);
  }

  Loop::Impl& loop_;
  tcp::socket socket_;
  std::shared_ptr<StreamHandler> handler_;
  std::deque<std::vector<unsigned char>> queue_;
  std::size_t offset_ = 0;
  std::size_t waiting_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t writes_ = 0;
  bool paused_ = false;
  bool waits_to_read_ = false;
  bool reads_later_ = false;
  bool ended_ = false;
  bool finishing_ = false;
  bool broken_ = false;
  bool reset_ = false;
};

}  // namespace

std::shared_ptr<Stream> make_stream(Loop::Impl& loop, tcp::socket socket) {
  return std::make_shared<TcpStream>(loop, std::move(socket));
}

}  // namespace pindrill

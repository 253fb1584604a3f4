#include "pindrill/net.h"

#include <netinet/tcp.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <future>
#include <thread>

#include "pindrill/error.h"
#include "pindrill/observation.h"

namespace pindrill {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

Nanoseconds monotonic_now() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Loop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  /// One buffer for all sockets: an idle one holds none.
  std::array<unsigned char, 64 * 1024> buffer;
  std::thread thread;
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
  impl_->thread = std::thread([this] { impl_->context.run(); });
}

Loop::~Loop() {
  impl_->work.reset();
  impl_->context.stop();
  impl_->thread.join();
}

void Loop::post(std::function<void()> work) { asio::post(impl_->context, std::move(work)); }

void Loop::run(const std::function<void()>& work) {
  std::promise<void> done;
  post([&] {
    try {
      work();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

namespace {

class TcpStream final : public Stream, public std::enable_shared_from_this<TcpStream> {
 public:
  TcpStream(Loop::Impl& loop, tcp::socket socket) : loop_(loop), socket_(std::move(socket)) {
    ErrorCode ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
  }

  void start(std::shared_ptr<StreamHandler> handler) override {
    handler_ = std::move(handler);
    read_some();
  }

  void write(std::vector<unsigned char> bytes) override {
    if (bytes.empty() || broken_) return;
    ++writes_;
    queue_.push_back(std::move(bytes));
    if (queue_.size() == 1) write_next();
  }

  void finish() override {
    finishing_ = true;
    if (queue_.empty()) send_fin();
  }

  void close() override {
    ErrorCode ignored;
    socket_.close(ignored);
    handler_.reset();
  }

 private:
  void wait() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
      if (!error) self->read_some();
    });
  }

  void read_some() {
    while (handler_) {
      ErrorCode error;
      const auto size = socket_.read_some(asio::buffer(loop_.buffer), error);
      if (error == asio::error::would_block) return wait();
      if (error) return end(error == asio::error::eof && !reset_ ? StreamEnd::fin : StreamEnd::reset);
      // The handler may close this stream, and with it let itself go.
      const auto keep = handler_;
      const auto before = writes_;
      keep->on_data({loop_.buffer.data(), size});
      if (writes_ == before) acknowledge_at_once();  // what we write carries the ACK
    }
  }

  /// Clients that send a request in pieces wait 40 ms for a delayed ACK otherwise. Not a lasting option (tcp(7)).
  void acknowledge_at_once() {
    ErrorCode ignored;
    socket_.set_option(asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>(true), ignored);
  }

  void write_next() {
    // Small answers fit into the kernel's buffer: no detour through the event loop.
    while (!queue_.empty()) {
      ErrorCode error;
      const auto& front = queue_.front();
      const auto size = socket_.write_some(asio::buffer(front.data() + offset_, front.size() - offset_), error);
      if (error == asio::error::would_block) {
        socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](ErrorCode failed) {
          if (!failed) self->write_next();
        });
        return;
      }
      if (error) {
        // The reading side sees how the connection ended, but the kernel tells of a reset only once.
        broken_ = true;
        reset_ = reset_ || error == asio::error::connection_reset;
        queue_.clear();
        return;
      }
      total_ += size;
      offset_ += size;
      if (offset_ == front.size()) {
        queue_.pop_front();
        offset_ = 0;
      }
      if (handler_) handler_->on_written(total_);
    }
    if (finishing_) send_fin();
  }

  void send_fin() {
    ErrorCode ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void end(StreamEnd how) {
    const auto keep = std::exchange(handler_, nullptr);
    if (keep) keep->on_end(how);
  }

  Loop::Impl& loop_;
  tcp::socket socket_;
  std::shared_ptr<StreamHandler> handler_;
  std::deque<std::vector<unsigned char>> queue_;
  std::size_t offset_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t writes_ = 0;
  bool finishing_ = false;
  bool broken_ = false;
  bool reset_ = false;
};

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& owner, OnAccept callback) : loop(owner), acceptor(owner.impl().context), on_accept(std::move(callback)) {}

  void wait() {
    acceptor.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](ErrorCode error) {
      if (error) return;
      self->drain();
      self->wait();
    });
  }

  void drain() {
    while (acceptor.is_open()) {
      ErrorCode error;
      auto socket = acceptor.accept(error);
      if (error) return;  // would_block: the queue is empty; else the client was gone before we took it
      on_accept(std::make_shared<TcpStream>(loop.impl(), std::move(socket)));
    }
  }

  Loop& loop;
  tcp::acceptor acceptor;
  OnAccept on_accept;
  std::uint16_t port = 0;
};

Listener::Listener(Loop& loop, const std::string& address, std::uint16_t port, OnAccept on_accept)
    : impl_(std::make_shared<Impl>(loop, std::move(on_accept))) {
  const auto where = address + ":" + std::to_string(port);
  ErrorCode error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) throw Error(ErrorKind::input, "not an IP address to listen on: '" + address + "'");
  auto& acceptor = impl_->acceptor;
  acceptor.open(ip.is_v6() ? tcp::v6() : tcp::v4(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind({ip, port}, error);
  if (!error) acceptor.listen(1024, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) throw Error(ErrorKind::system, "cannot listen on " + where + ": " + error.message());
  impl_->port = acceptor.local_endpoint().port();
  loop.post([impl = impl_] { impl->wait(); });
}

Listener::~Listener() {
  impl_->loop.post([impl = impl_] {
    ErrorCode ignored;
    impl->acceptor.close(ignored);
    impl->on_accept = [](const std::shared_ptr<Stream>&) {};
  });
}

std::uint16_t Listener::port() const noexcept { return impl_->port; }

void Listener::drain() { impl_->drain(); }

}  // namespace pindrill

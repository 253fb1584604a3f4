#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pindrill {

/// One thread that does all socket work. Everything handed to it runs on that thread.
class Loop {
 public:
  Loop();
  ~Loop();  ///< ends every socket and joins the thread
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void post(std::function<void()> work);
  /// Runs `work` on the loop's thread and waits for it; not to be called from there.
  void run(const std::function<void()>& work);
  /// Are we on its thread? What may be used there only asserts it.
  bool here() const noexcept;

  struct Impl;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Calls once, after a while, on the loop's thread. To be used there only; its end forgets the call.
class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(std::chrono::milliseconds after, std::function<void()> call);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Endpoint {
  std::string address = {};  ///< an IP address as text
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

enum class StreamEnd { fin, reset };

/// The receiver of one socket's events, on the loop's thread.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_data(std::span<const unsigned char> bytes) = 0;
  /// `total` bytes since the start are in the kernel.
  virtual void on_written(std::uint64_t total) = 0;
  /// The peer sends no more. After a FIN the stream can still be written to; a reset may follow.
  virtual void on_end(StreamEnd end) = 0;
};

/// One connected socket. To be used on the loop's thread only.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Tells the handler from now on; at once, of what was written before.
  virtual void start(std::shared_ptr<StreamHandler> handler) = 0;
  /// What the kernel does not take at once is kept until it does.
  virtual void write(std::span<const unsigned char> bytes) = 0;
  /// How much is kept.
  virtual std::size_t waiting() const noexcept = 0;
  /// Stops reading, so that the peer has to wait; `resume` goes on.
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// Sends FIN once everything is written; reading goes on until the peer's end.
  virtual void finish() = 0;
  /// Lets the kernel find out when the peer has vanished without a word; that is then an end by reset.
  virtual void probe() = 0;
  /// Closes at once and lets the handler go.
  virtual void close() = 0;
  /// As `close`, and the peer sees RST.
  virtual void reset() = 0;

  virtual Endpoint peer() const = 0;
  virtual Endpoint local() const = 0;
  /// Where the peer wanted to go before a redirection by the packet filter; `local` if there was none.
  virtual Endpoint original_destination() const = 0;
};

/// A listening socket on an address; port 0 takes a free one.
class Listener {
 public:
  using OnAccept = std::function<void(std::shared_ptr<Stream>)>;

  /// Error{system} names the address and port when it cannot listen.
  Listener(Loop& loop, const std::string& address, std::uint16_t port, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const noexcept;
  /// Accepts all that wait in the kernel's queue. On the loop's thread only.
  void drain();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Where connections may go.
struct Route {
  std::map<std::string, std::string> hosts = {};  ///< names and their addresses; others are asked of the system
  bool private_addresses = false;                 ///< loopback, private and link-local ones as well
  std::set<Endpoint> forbidden = {};              ///< our own listeners: a loop
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

/// The stream, or null and why there is none.
using OnConnect = std::function<void(std::shared_ptr<Stream>, const std::string& failure)>;

/// The 4 or 16 octets of an IP address as text (RFC 5952).
std::string address_text(std::span<const unsigned char> octets);

/// Could it be a name or an address? Says no to what resolvers and verifiers understand in different ways.
bool names_host(std::string_view host) noexcept;

/// Resolves and connects, trying every address that may be used. Calls back on the loop's thread, once.
void connect(Loop& loop, const Route& route, const std::string& host, std::uint16_t port, OnConnect done);

/// Is an address within one of the networks ("192.0.2.0/24", "2001:db8::/32", a single address)?
class Networks {
 public:
  /// Error{input} names what is no network.
  explicit Networks(const std::vector<std::string>& networks);
  ~Networks();
  bool contain(const std::string& address) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pindrill

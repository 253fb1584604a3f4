#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
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

  struct Impl;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

enum class StreamEnd { fin, reset };

/// The receiver of one socket's events, on the loop's thread.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void on_data(std::span<const unsigned char> bytes) = 0;
  /// `total` bytes since the start are in the kernel.
  virtual void on_written(std::uint64_t total) = 0;
  virtual void on_end(StreamEnd end) = 0;
};

/// One connected socket. To be used on the loop's thread only.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void start(std::shared_ptr<StreamHandler> handler) = 0;
  virtual void write(std::vector<unsigned char> bytes) = 0;
  /// Sends FIN once everything is written; reading goes on until the peer's end.
  virtual void finish() = 0;
  /// Closes at once and lets the handler go.
  virtual void close() = 0;
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

}  // namespace pindrill

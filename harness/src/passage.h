#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "opening.h"
#include "pindrill/http.h"
#include "pindrill/interceptor.h"
#include "record_watcher.h"

namespace pindrill {

class Passage;

/// What a connection is to the one who made it: its own end, and where it went. One end alone is not enough: the kernel
/// gives a port to several connections that go to different places.
struct Ends {
  Endpoint from;
  Endpoint to;

  auto operator<=>(const Ends&) const = default;
};

/// What the passages of one interceptor share. To be used on the loop's thread only.
struct PassageContext {
  Loop& loop;
  InterceptorOptions options;
  std::shared_ptr<const ServerContext> server;
  std::shared_ptr<const ClientContext> client;
  std::function<void(Question)> ask = {};
  std::function<void(std::uint64_t id)> ended = {};
  /// Readable bytes that are kept, of live passages and of contacts that nobody has taken yet.
  std::shared_ptr<std::atomic<std::size_t>> kept = std::make_shared<std::atomic<std::size_t>>(0);
  /// Connections that came here, and those made from here: one that is both is a loop, whatever address it went by.
  std::map<Ends, std::weak_ptr<Passage>> came = {};
  std::map<Ends, std::weak_ptr<Passage>> made = {};
};

/// Where connections of one listener come from and go to.
struct Entrance {
  Way way = Way::proxy;
  std::optional<std::pair<std::string, std::uint16_t>> upstream = {};
};

/// One client's connection and the upstream's that belongs to it.
class Passage : public std::enable_shared_from_this<Passage> {
 public:
  Passage(std::shared_ptr<PassageContext> context, std::shared_ptr<Stream> client, const Entrance& entrance,
          std::uint64_t id);

  void start();
  void pass(const std::string& label);
  void stage(const std::string& label, std::shared_ptr<const Credential> credential, std::chrono::milliseconds hold);
  /// Closes both sides now.
  void end(const std::string& failure);
  /// Its upstream is this interceptor.
  void end_loop();
  /// It comes from this interceptor: nobody's contact.
  void discard();
  bool discarded() const noexcept { return discarded_; }
  /// What is known so far, without the plaintext.
  const Contact& facts() const noexcept { return facts_; }
  /// Everything, once it is over.
  Contact take_facts();

 private:
  enum class Phase { opening, peeking, asked, connecting, plain, passing, relaying, over };
  class Side;

  void listen_to(bool client);
  void from_client(std::span<const unsigned char> bytes);
  void client_written(std::uint64_t total);
  void client_ended(StreamEnd end);
  void from_upstream(std::span<const unsigned char> bytes);
  void hear_server_first(std::span<const unsigned char> bytes);
  void upstream_ended(StreamEnd end);

  void open(std::span<const unsigned char> bytes);
  void peek(std::span<const unsigned char> bytes);
  void peek_tls(std::span<const unsigned char> bytes);
  void peek_host_field(std::span<const unsigned char> bytes);
  void ask();
  void speak_plain();
  void forward_plain(std::span<const unsigned char> bytes);
  void second_request();
  void hear_plain_answer(std::span<const unsigned char> bytes);
  void connect_then(std::function<void()> next);
  void connected(std::shared_ptr<Stream> stream, const std::string& failure);
  void made(std::shared_ptr<Stream> stream);
  void not_made(const std::string& failure);
  void begin_upstream_tls();
  void show();
  void refuse_client(const std::string& failure);
  void begin_passing();
  void relay_up(std::span<const unsigned char> bytes);
  void relay_down(std::span<const unsigned char> bytes);
  void send_down(std::span<const unsigned char> data);
  void hold_the_answer();
  void heard(std::span<const unsigned char> data);
  void look_for_plain_secrets(std::span<const unsigned char> bytes);
  void keep(std::span<const unsigned char> data);
  void to_client(std::span<const unsigned char> bytes);
  void to_client(const std::string& text);
  void to_upstream(std::span<const unsigned char> bytes);
  void flush();
  void after(std::chrono::milliseconds time, std::function<void(Passage&)> then);
  void turn_away(const std::string& failure);
  void cut(const std::string& failure);
  bool flows() const;
  bool may_read(bool client) const;
  void over_when_written();
  void wait_for_the_end();
  void over();

  std::shared_ptr<PassageContext> context_;
  std::shared_ptr<Stream> client_;
  std::shared_ptr<Stream> upstream_;
  Entrance entrance_;
  Contact facts_;
  Bytes plaintext_;
  Ends came_;
  Ends made_;
  Phase phase_ = Phase::opening;
  std::string connect_host_;  ///< where the upstream's connection goes; facts_.host may be another name for it
  std::unique_ptr<Opening> opening_;
  Bytes held_;  ///< of the client, until it is known where to
  std::unique_ptr<Timer> timer_;
  std::function<void()> once_connected_;
  std::unique_ptr<Connection> tls_;
  std::unique_ptr<ClientConnection> up_;
  std::shared_ptr<const Credential> credential_;
  Bytes held_down_;  ///< of the upstream, until the client's handshake is through
  std::unique_ptr<RequestReader> reader_;
  SecretScanner scanner_;
  SecretScanner raw_scanner_;  ///< a client may go on in plain text on the socket of its TLS
  std::unique_ptr<RecordWatcher> watcher_;
  std::uint64_t to_client_ = 0;          ///< bytes written to the client so far
  std::uint64_t before_tls_ = 0;         ///< so many of them were a proxy's answers
  std::uint64_t answer_begins_ = 0;      ///< so many of them stand before the end of the first piece of an answer
  std::chrono::milliseconds hold_ = {};  ///< how long the answer is to wait; 0 once it did
  std::uint64_t beyond_ = 0;  ///< octets of what was heard last that stand after the end of the first request
  bool one_request_ = false;  ///< the next plain request may be for another server
  bool upgrades_ = false;     ///< the first one asked for another protocol, and is not answered yet
  std::string answer_start_;  ///< of the upstream, while `upgrades_`
  bool answer_held_ = false;
  bool client_done_ = false;
  bool upstream_done_ = false;
  bool failed_upstream_ = false;
  bool discarded_ = false;
};

}  // namespace pindrill

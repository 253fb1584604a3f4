#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "opening.h"
#include "pindrill/http.h"
#include "pindrill/proxy.h"

namespace pindrill {

/// What the connections of one proxy share. To be used on the loop's thread only.
struct ProxyContext {
  Loop& loop;
  ProxyOptions options;
  std::set<Endpoint> servers = {};
  /// It is known where a connection leads, or it has ended.
  std::function<void(std::uint64_t number)> changed = {};
};

/// One client's connection to a proxy and the server's that belongs to it.
///
/// Bytes of the client go up through these steps: is it TLS (`take`); out of the TLS with the proxy (`receive`); then
/// by the phase (`hear`): the opening, which says where to; then, as they are, into the tunnel. Bytes of the server go
/// down into that TLS, or as they are. After a refusal the client is still heard to its end: what it gives away it
/// gives away. Each side's end is handed on to the other, so that the server sees how the client left.
class ProxyConnection : public std::enable_shared_from_this<ProxyConnection> {
 public:
  ProxyConnection(std::shared_ptr<ProxyContext> context, std::shared_ptr<Stream> client, std::uint64_t number);

  void start();
  /// Closes both sides now.
  void end(const std::string& failure);
  bool over() const noexcept { return phase_ == Phase::over; }
  /// Does it lead to this port, or nobody knows yet where to?
  bool may_lead_to(std::uint16_t port) const noexcept;
  const ProxyLeg& facts() const noexcept { return facts_; }

 private:
  enum class Phase { opening, connecting, tunnel, refused, over };
  class Side;

  void be_patient(const std::string& failure);
  void take(std::span<const unsigned char> bytes);
  void begin(bool tls);
  void receive(std::span<const unsigned char> bytes);
  void hear(std::span<const unsigned char> data);
  void open(std::span<const unsigned char> data);
  void lead();
  void connected(std::shared_ptr<Stream> stream, const std::string& failure);
  void note_readable(std::span<const unsigned char> data);
  void up(std::span<const unsigned char> data);
  void down(std::span<const unsigned char> bytes);
  void say(std::span<const unsigned char> data);
  void say(const std::string& text);
  void flush();
  void refuse(const std::string& failure);
  void said_all();
  void client_ended(StreamEnd how);
  void server_ended(StreamEnd how);
  void over_when_written();
  void finish_over();

  std::shared_ptr<ProxyContext> context_;
  std::shared_ptr<Stream> client_;
  std::shared_ptr<Stream> server_;
  ProxyLeg facts_;
  Phase phase_ = Phase::opening;
  Bytes first_;  ///< until it is clear what they begin
  bool begun_ = false;
  std::unique_ptr<Connection> tls_;  ///< with the proxy
  std::unique_ptr<Opening> opening_;
  Bytes held_;  ///< of the client, until the tunnel stands
  std::unique_ptr<Timer> timer_;
  RequestReader reader_;
  SecretScanner scanner_;         ///< of what the proxy can read
  SecretScanner raw_scanner_;     ///< of the socket of a TLS connection with the proxy
  SecretScanner tunnel_scanner_;  ///< of what goes through the tunnel
  bool client_done_ = false;      ///< it says no more
  bool server_done_ = false;
};

}  // namespace pindrill

#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>
#include <string>
#include <thread>

#include "pindrill/net.h"

namespace pindrill {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Loop::Impl {
  bool here() const noexcept { return thread.get_id() == std::this_thread::get_id(); }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  /// One buffer for all sockets: an idle one holds none.
  std::array<unsigned char, 64 * 1024> buffer;
  std::thread thread;
  /// The system's resolver blocks: a name that nobody answers for must not keep the others waiting.
  std::optional<asio::thread_pool> resolvers;
};

/// An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) as what it is.
asio::ip::address unmapped(const asio::ip::address& address);

/// Why an address does not belong to some other machine on the internet ("is a private address"); "" where it does. Our
/// own addresses do not, whatever they are: what listens on all of them is meant for this machine and its network.
std::string why_not_public(asio::io_context& context, const asio::ip::address& address);

std::shared_ptr<Stream> make_stream(Loop::Impl& loop, tcp::socket socket);

}  // namespace pindrill

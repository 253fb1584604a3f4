#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <thread>

#include "pindrill/net.h"

namespace pindrill {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

struct Loop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  /// One buffer for all sockets: an idle one holds none.
  std::array<unsigned char, 64 * 1024> buffer;
  std::thread thread;
};

std::shared_ptr<Stream> make_stream(Loop::Impl& loop, tcp::socket socket);

}  // namespace pindrill

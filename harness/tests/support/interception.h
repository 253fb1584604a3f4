#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "pindrill/interceptor.h"
#include "support/command.h"
#include "support/hierarchy.h"
#include "support/socket.h"

namespace pindrill::test {

/// An interceptor between loopback clients and loopback servers, with the credential that it may stage.
class Interception {
 public:
  explicit Interception(const std::function<void(InterceptorOptions&)>& change = [](InterceptorOptions&) {});
  ~Interception();

  /// Opens a way in whose upstream is `kHost` at that port.
  std::uint16_t reverse(std::uint16_t port);
  /// What comes next is a question, or the end of a connection. It throws when it is not, or nothing comes.
  Question question();
  Contact contact();
  void stage(std::uint64_t id);
  void pass(std::uint64_t id) { interceptor.pass(id, "pass-through"); }
  /// Answers every question in the background from now on: stages, or passes through.
  void answer(bool staging);

  const Hierarchy genuine{"Genuine"};
  const Hierarchy test_ca{"Test"};
  const Directory directory;
  Loop loop;
  Interceptor interceptor;

 private:
  Interceptor::Event event();
  void answer_all(bool staging);

  std::shared_ptr<const Credential> forged_;
  std::mutex mutex_;
  std::condition_variable noted_;
  std::deque<Contact> contacts_;
  std::atomic<bool> ending_ = false;
  std::thread answers_;
};

/// A ClientHello for `kHost`, as an OpenSSL client sends it.
std::string client_hello(const ClientOptions& options = {});

/// Asks a proxy for a tunnel, and returns what it says.
std::string connect_through(Socket& proxy, const std::string& authority);

}  // namespace pindrill::test

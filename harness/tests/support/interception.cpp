#include "support/interception.h"

#include <stdexcept>

namespace pindrill::test {
namespace {

using namespace std::chrono_literals;

InterceptorOptions options_of(const std::string& trust, const std::function<void(InterceptorOptions&)>& change) {
  InterceptorOptions options;
  options.route.private_addresses = true;
  options.route.hosts = {{kHost, "127.0.0.1"}};
  options.upstream_trust = trust;
  change(options);
  return options;
}

}  // namespace

Interception::Interception(const std::function<void(InterceptorOptions&)>& change)
    : interceptor(loop, options_of(directory.write("genuine.pem", genuine.root.certificate().pem()), change)),
      forged_(std::make_shared<const Credential>(test_ca.credential())) {
  directory.write("test-ca.pem", test_ca.root.certificate().pem());
}

Interception::~Interception() {
  ending_ = true;
  if (answers_.joinable()) answers_.join();
}

std::uint16_t Interception::reverse(std::uint16_t port) {
  return interceptor.listen(Way::reverse, "127.0.0.1", 0, std::pair(std::string(kHost), port));
}

Interceptor::Event Interception::event() {
  auto event = interceptor.next(20s);
  if (!event) throw std::runtime_error("the interceptor has nothing to say");
  return std::move(*event);
}

Question Interception::question() { return std::get<Question>(event()); }

Contact Interception::contact() {
  if (!answers_.joinable()) return std::get<Contact>(event());
  std::unique_lock lock(mutex_);
  if (!noted_.wait_for(lock, 20s, [this] { return !contacts_.empty(); })) throw std::runtime_error("nothing has ended");
  auto contact = std::move(contacts_.front());
  contacts_.pop_front();
  return contact;
}

void Interception::stage(std::uint64_t id) { interceptor.stage(id, "trusted-ca", forged_); }

void Interception::answer(bool staging) {
  answers_ = std::thread([this, staging] { answer_all(staging); });
}

void Interception::answer_all(bool staging) {
  while (!ending_) {
    auto event = interceptor.next(10ms);
    if (!event) continue;
    if (const auto* question = std::get_if<Question>(&*event)) {
      staging ? stage(question->id) : pass(question->id);
      continue;
    }
    const std::lock_guard lock(mutex_);
    contacts_.push_back(std::get<Contact>(std::move(*event)));
    noted_.notify_one();
  }
}

std::string client_hello(const ClientOptions& options) {
  TlsClient client(options);
  client.handshake();
  return text_of(client.take_output());
}

std::string connect_through(Socket& proxy, const std::string& authority) {
  proxy.send("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
  std::string answer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    const auto part = proxy.receive();
    if (part.empty()) break;
    answer += part;
  }
  return answer;
}

}  // namespace pindrill::test

#include "support/playbook.h"

namespace pindrill::test {
namespace {

std::size_t index(Side side) { return side == Side::client ? 0 : 1; }

std::string name(Side side) { return side == Side::client ? "client" : "upstream"; }

}  // namespace

Playbook::Playbook(Way way) : way_(way) {}

Script Playbook::started() {
  const auto trust = directory_.write("genuine.pem", genuine.root.certificate().pem());
  const auto settings = std::make_shared<const RelaySettings>(RelaySettings{
      std::chrono::seconds(30), std::chrono::seconds(10), kept_plaintext,
      std::make_shared<const ServerContext>(TlsOptions{.alpn = {}}), std::make_shared<const ClientContext>(trust)});
  Arrival arrival{7, way_, "192.0.2.7"};
  if (way_ == Way::reverse) arrival.host = kHost;
  if (way_ == Way::reverse || way_ == Way::direct) arrival.port = 443;
  relay_ = std::make_unique<Relay>(settings, arrival);
  relay_->start();
  return done();
}

Script Playbook::came(Side from, const std::string& text) {
  relay_->came(from, bytes_of(text));
  return done(text);
}

Script Playbook::written(Side to, std::uint64_t total, std::size_t waiting) {
  relay_->written(to, total, waiting);
  return done();
}

Script Playbook::all_written() {
  relay_->written(Side::client, queued_[0], 0);
  relay_->written(Side::upstream, queued_[1], 0);
  return done();
}

Script Playbook::ended(Side side, Ended how) {
  relay_->ended(side, how);
  return done();
}

Script Playbook::connected() {
  relay_->connected("192.0.2.1");
  return done();
}

Script Playbook::not_connected(const std::string& failure) {
  relay_->not_connected(failure);
  return done();
}

Script Playbook::timed_out() {
  relay_->timed_out();
  return done();
}

Script Playbook::pass() {
  relay_->pass("pass-through");
  return done();
}

Script Playbook::stage(std::chrono::milliseconds hold) {
  relay_->stage("trusted-ca", std::make_shared<const Credential>(test_ca.credential()), hold);
  return done();
}

Script Playbook::end(const std::string& failure) {
  relay_->end(failure);
  return done();
}

std::string Playbook::take(Side side) { return std::exchange(to_[index(side)], ""); }

Script Playbook::done(const std::string& text) {
  Script script;
  for (const auto& action : relay_->take_actions()) script.push_back(word(action, text));
  return script;
}

std::string Playbook::word(const Action& action, const std::string& text) {
  const auto sent = [&](Side to, const std::string& bytes) {
    to_[index(to)] += bytes;
    queued_[index(to)] += bytes.size();
    return name(to);
  };
  return std::visit(
      Match{
          [&](const act::Write& write) { return "write " + sent(write.to, text_of(write.bytes)); },
          [&](const act::Forward& forward) { return "forward " + sent(forward.to, text.substr(0, forward.size)); },
          [](const act::Pause& pause) { return "pause " + name(pause.side); },
          [](const act::Resume& resume) { return "resume " + name(resume.side); },
          [](const act::Finish& finish) { return "finish " + name(finish.side); },
          [](const act::Reset& reset) { return "reset " + name(reset.side); },
          [](const act::Connect& where) { return "connect " + where.host + ":" + std::to_string(where.port); },
          [](const act::StartTimer& timer) { return "timer " + std::to_string(timer.time.count()); },
          [](const act::StopTimer&) { return std::string("no timer"); },
          [](const act::Ask&) { return std::string("ask"); },
          [](const act::Close&) { return std::string("close"); },
      },
      action);
}

}  // namespace pindrill::test

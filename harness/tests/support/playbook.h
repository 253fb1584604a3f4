#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "relay.h"
#include "support/command.h"
#include "support/hierarchy.h"
#include "support/tls_client.h"

namespace pindrill::test {

using Script = std::vector<std::string>;

/// A relay without sockets: what happens is said, and what it wants done comes back in words ("pause client").
class Playbook {
 public:
  explicit Playbook(Way way = Way::proxy);

  /// The actions of the relay's beginning.
  Script started();
  Script client(const std::string& text) { return came(Side::client, text); }
  Script upstream(const std::string& text) { return came(Side::upstream, text); }
  Script written(Side to, std::uint64_t total, std::size_t waiting = 0);
  /// The kernel has taken everything, on both sides.
  Script all_written();
  Script ended(Side side, Ended how = Ended::fin);
  Script connected();
  Script not_connected(const std::string& failure = "refused");
  Script timed_out();
  Script pass();
  Script stage(std::chrono::milliseconds hold = {});
  Script end(const std::string& failure);

  /// What was written to a side and not taken yet.
  std::string take(Side side);
  const Contact& facts() const { return relay_->facts(); }
  const Observation& seen() const { return facts().seen; }
  Contact contact() { return relay_->take_facts(); }
  bool over() const { return relay_->over(); }

  const Hierarchy genuine{"Genuine"};
  const Hierarchy test_ca{"Test"};
  std::size_t kept_plaintext = 64 * 1024;

 private:
  Script came(Side from, const std::string& text);
  Script done(const std::string& text = "");
  std::string word(const Action& action, const std::string& text);

  Directory directory_;
  Way way_;
  std::unique_ptr<Relay> relay_;
  std::string to_[2];
  std::uint64_t queued_[2] = {0, 0};
};

}  // namespace pindrill::test

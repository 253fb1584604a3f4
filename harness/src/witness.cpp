#include "witness.h"

namespace pindrill {

Witness::Witness(Observation& facts) : facts_(facts) { facts_.accepted_at = monotonic_now(); }

void Witness::came(std::span<const unsigned char> bytes) { facts_.bytes_in += bytes.size(); }

Begins Witness::begins(std::span<const unsigned char> bytes) {
  first_.insert(first_.end(), bytes.begin(), bytes.end());
  return pindrill::begins(first_);
}

Bytes Witness::decrypt(Connection& tls, std::span<const unsigned char> bytes) {
  passes(bytes);
  tls.receive(bytes);
  auto data = tls.take_data();
  heard(data);
  return data;
}

void Witness::passes(std::span<const unsigned char> bytes) {
  raw_.feed(bytes);
  if (facts_.plain_secrets.size() != raw_.found().size()) facts_.plain_secrets = raw_.found();
}

void Witness::heard_plain(std::span<const unsigned char> data) {
  facts_.plaintext = true;
  heard(data);
}

void Witness::heard(std::span<const unsigned char> data) {
  if (data.empty()) return;
  if (facts_.first_data_at == 0) facts_.first_data_at = monotonic_now();
  if (!request_) request_.emplace();
  const auto before = request_->beyond();
  request_->feed(data);
  beyond_ = static_cast<std::size_t>(request_->beyond() - before);
  facts_.progress = request_->progress();
  facts_.boilerplate_bytes = request_->boilerplate_bytes();
  facts_.data_bytes = request_->data_bytes();
  facts_.request_line = request_->request_line();
  readable_.feed(data);
  facts_.secrets = readable_.found();
}

void Witness::written(std::uint64_t total) {
  facts_.bytes_out = total;
  note_written();
}

void Witness::answers_at(std::uint64_t total) {
  if (answer_ != 0) return;
  answer_ = total;
  note_written();  // what was written at once was told before
}

void Witness::note_written() {
  if (answer_ != 0 && facts_.bytes_out >= answer_ && facts_.response_sent_at == 0) {
    facts_.response_sent_at = monotonic_now();
  }
}

void Witness::ended(Ended how) {
  if (facts_.ended != Ended::open) return;
  if (!first_.empty()) heard_plain(take_first());
  facts_.ended = how;
  facts_.ended_at = monotonic_now();
}

}  // namespace pindrill

#include "passage.h"

#include <cassert>
#include <utility>

namespace pindrill {
namespace {

constexpr const char* kLoop = "it is this interceptor itself: a loop";

Arrival arrival(const Entrance& entrance, const Stream& client, std::uint64_t id) {
  Arrival found{id, entrance.way, client.peer().address};
  if (entrance.way == Way::reverse) {
    found.host = plain_host(entrance.upstream->first);
    found.port = entrance.upstream->second;
  } else if (entrance.way == Way::transparent) {
    const auto to = client.original_destination();
    found.host = to.address;
    found.port = to.port;
  } else if (entrance.way == Way::direct) {
    found.port = client.local().port;
  }
  return found;
}

}  // namespace

/// Hears one of the two streams.
class Passage::Ear final : public StreamHandler {
 public:
  Ear(std::shared_ptr<Passage> passage, Side side) : passage_(std::move(passage)), side_(side) {}

  void on_data(std::span<const unsigned char> bytes) override {
    passage_->relay_.came(side_, bytes);
    passage_->act(bytes);
  }

  void on_written(std::uint64_t total) override {
    const auto& stream = passage_->stream(side_);
    passage_->relay_.written(side_, total, stream ? stream->waiting() : 0);
    passage_->act();
  }

  void on_end(StreamEnd end) override {
    passage_->relay_.ended(side_, end == StreamEnd::fin ? Ended::fin : Ended::reset);
    passage_->act();
  }

 private:
  std::shared_ptr<Passage> passage_;  // until the stream lets go of us
  Side side_;
};

Passage::Passage(std::shared_ptr<PassageContext> context, std::shared_ptr<Stream> client, const Entrance& entrance,
                 std::uint64_t id)
    : context_(std::move(context)),
      client_(std::move(client)),
      came_{client_->peer(), client_->original_destination()},
      relay_(context_->settings, arrival(entrance, *client_, id)) {}

void Passage::start() {
  context_->came.emplace(came_, weak_from_this());
  client_->probe();
  act();
  client_->start(std::make_shared<Ear>(shared_from_this(), Side::client));
  relay_.start();
  act();
}

void Passage::pass(const std::string& label) {
  relay_.pass(label);
  act();
}

void Passage::stage(const std::string& label, const std::shared_ptr<const Credential>& credential,
                    std::chrono::milliseconds hold) {
  relay_.stage(label, credential, hold);
  act();
}

void Passage::end(const std::string& failure) {
  relay_.end(failure);
  act();
}

void Passage::end_loop() {
  relay_.end("no connection to the upstream", kLoop);
  act();
}

void Passage::discard() {
  discarded_ = true;
  end("");
}

void Passage::act(std::span<const unsigned char> bytes) {
  assert(context_->loop.here());
  // What is done may be an event itself, such as a write that the kernel takes at once: what follows from it comes
  // after what was to be done before.
  if (std::exchange(acting_, true)) return;
  const auto self = shared_from_this();  // the streams may hold the last reference
  for (auto actions = relay_.take_actions(); !actions.empty(); actions = relay_.take_actions()) {
    for (const auto& action : actions) perform(action, bytes);
  }
  acting_ = false;
}

void Passage::perform(const Action& action, std::span<const unsigned char> bytes) {
  if (!client_) return;
  std::visit(Match{
                 [&](const act::Write& write) { stream(write.to)->write(write.bytes); },
                 [&](const act::Forward& forward) { stream(forward.to)->write(bytes.first(forward.size)); },
                 [&](const act::Pause& pause) { stream(pause.side)->pause(); },
                 [&](const act::Resume& resume) { stream(resume.side)->resume(); },
                 [&](const act::Finish& finish) { stream(finish.side)->finish(); },
                 [&](const act::Reset& reset) { stream(reset.side)->reset(); },
                 [&](const act::Connect& where) { connect_to(where); },
                 [&](const act::StartTimer& timer) { start_timer(timer.time); },
                 [&](const act::StopTimer&) { timer_.reset(); },
                 [&](const act::Ask&) { context_->ask(relay_.question()); },
                 [&](const act::Close&) { close(); },
             },
             action);
}

void Passage::start_timer(std::chrono::milliseconds time) {
  timer_ = std::make_unique<Timer>(context_->loop);
  timer_->start(time, [weak = weak_from_this(), mine = ++timers_] {
    const auto self = weak.lock();
    if (!self || !self->timer_ || self->timers_ != mine) return;
    self->timer_.reset();
    self->relay_.timed_out();
    self->act();
  });
}

void Passage::connect_to(const act::Connect& where) {
  connect(context_->loop, context_->route, where.host, where.port,
          [self = shared_from_this()](std::shared_ptr<Stream> stream, const std::string& failure) {
            if (self->client_) return stream ? self->connected(std::move(stream)) : self->not_connected(failure);
            if (stream) stream->close();
          });
}

void Passage::connected(std::shared_ptr<Stream> stream) {
  made_ = {stream->local(), stream->peer()};
  if (const auto inner = context_->came.find(made_); inner != context_->came.end()) {
    if (const auto passage = inner->second.lock()) passage->discard();
    stream->close();
    return not_connected(kLoop);
  }
  context_->made.emplace(made_, weak_from_this());
  upstream_ = std::move(stream);
  upstream_->probe();
  relay_.connected(made_.to.address);
  act();
  // Only now it is known what its first bytes are.
  if (upstream_) upstream_->start(std::make_shared<Ear>(shared_from_this(), Side::upstream));
}

void Passage::not_connected(const std::string& failure) {
  relay_.not_connected(failure);
  act();
}

void Passage::close() {
  timer_.reset();
  context_->came.erase(came_);
  std::exchange(client_, nullptr)->close();
  if (upstream_) {
    context_->made.erase(made_);
    std::exchange(upstream_, nullptr)->close();
  }
  context_->ended(facts().id);
}

}  // namespace pindrill

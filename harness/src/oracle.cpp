#include "pindrill/oracle.h"

#include <algorithm>

#include "paths.h"

namespace pindrill {
namespace {

/// Every pin set that covers the host counts (RFC 7469 has one; OkHttp unites them); expired ones are off.
struct Applicable {
  std::vector<Pin> pins;
  bool any = false;
  bool expired = false;
};

Applicable applicable(const std::vector<PinSet>& sets, const std::string& host, std::int64_t at) {
  Applicable result;
  for (const auto& set : sets) {
    if (!set.covers(host)) continue;
    if (set.expires && at >= *set.expires) {
      result.expired = true;
      continue;
    }
    result.any = true;
    result.pins.insert(result.pins.end(), set.pins.begin(), set.pins.end());
  }
  return result;
}

std::optional<Certificate> match_in(const std::vector<Pin>& pins, const std::vector<Certificate>& list) {
  for (const auto& certificate : list) {
    for (const auto& pin : pins) {
      if (pin.matches(certificate)) return certificate;
    }
  }
  return std::nullopt;
}

std::vector<Certificate> compared(const Semantics& semantics, const Path& path,
                                  const std::vector<Certificate>& presented) {
  switch (semantics.position) {
    case Position::validated:
      return path;
    case Position::leaf:
      return {presented.front()};
    case Position::presented:
      return presented;
  }
  return path;
}

Decision accept(std::string reason, const std::string& matched, int paths) {
  return {Answer::accept, std::move(reason), matched, paths};
}

Decision refuse(std::string reason, int paths) { return {Answer::refuse, std::move(reason), {}, paths}; }

/// With the pin instead of, or beside, validation: only what was presented can be compared.
std::optional<Decision> without_validation(const std::vector<Pin>& pins, const std::vector<Certificate>& presented,
                                           const Semantics& semantics) {
  if (semantics.mode == PinMode::restrict_) return std::nullopt;
  const auto hit =
      match_in(pins, semantics.position == Position::leaf ? std::vector<Certificate>{presented.front()} : presented);
  if (hit) {
    return accept("the pin matches and, as declared, replaces validation", hit->common_name(), 0);
  }
  if (semantics.mode == PinMode::replace) return refuse("no pin matches what was presented", 0);
  return std::nullopt;
}

Decision restricted(const std::vector<Pin>& pins, const ValidPaths& valid, const std::vector<Certificate>& presented,
                    const Semantics& semantics) {
  const int count = static_cast<int>(valid.paths.size());
  std::string matched;
  int matching = 0;
  for (const auto& path : valid.paths) {
    if (const auto hit = match_in(pins, compared(semantics, path, presented))) {
      ++matching;
      matched = hit->common_name();
    }
  }
  if (matching == 0) {
    return refuse("the chain is valid, but no pin matches a certificate of it", count);
  }
  if (matching < count) {
    return {Answer::report, "some valid paths match a pin and some do not: clients choose differently", matched, count};
  }
  return accept("every valid path holds a pinned key", matched, count);
}

Decision decision(const Applicable& set, const std::vector<Certificate>& trust,
                  const std::vector<Certificate>& presented, const std::string& host, std::int64_t at,
                  const Semantics& semantics) {
  if (set.any) {
    if (auto early = without_validation(set.pins, presented, semantics)) return *early;
  }
  const auto valid = valid_paths(trust, presented, set.any && !semantics.host ? "" : host, at);
  if (!valid.complete) {
    return {Answer::report, "more candidate paths than a client can be expected to try", {}, 0};
  }
  const int count = static_cast<int>(valid.paths.size());
  if (count == 0) {
    const auto& why = valid.first_error;
    return refuse("no valid path to a trusted certificate" + (why.empty() ? "" : ": " + why), 0);
  }
  if (!set.any || semantics.mode == PinMode::add) {
    return accept(set.expired ? "the pin set has expired, so validation alone decides"
                              : "no pin set covers this host, validation alone decides",
                  {}, count);
  }
  return restricted(set.pins, valid, presented, semantics);
}

}  // namespace

Decision decide(const std::vector<PinSet>& pin_sets, const std::vector<Certificate>& trust,
                const std::vector<Certificate>& presented, const std::string& host, std::int64_t at,
                const Semantics& semantics) {
  if (presented.empty()) return refuse("no certificate was presented", 0);
  // A trailing dot is the root of the name space, no part of the name that a certificate holds (RFC 6066).
  const auto name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  if (name.empty()) return refuse("no host name to check", 0);
  const auto set = applicable(pin_sets, name, at);
  auto result = decision(set, trust, presented, name, at, semantics);
  result.pins_apply = set.any;
  result.expired_pins = set.expired;
  return result;
}

}  // namespace pindrill

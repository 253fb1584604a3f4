#include "paths.h"

#include <algorithm>

namespace pindrill {
namespace {

constexpr std::size_t kMaxDepth = 10;
constexpr std::size_t kMaxCandidates = 64;
constexpr std::size_t kMaxSteps = 10'000;  ///< a maze without an anchor has no candidates, but paths without number

bool names_link(const Certificate& issuer, const Certificate& subject) {
  return X509_NAME_cmp(X509_get_subject_name(issuer.get()), X509_get_issuer_name(subject.get())) == 0;
}

bool same_name_and_key(const Certificate& a, const Certificate& b) {
  return X509_NAME_cmp(X509_get_subject_name(a.get()), X509_get_subject_name(b.get())) == 0 && a.spki() == b.spki();
}

bool contains(const std::vector<Certificate>& list, const Certificate& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

/// Candidate paths, depth first over "issued by": RFC 5280 names no order, so all are tried.
class Walk {
 public:
  Walk(const std::vector<Certificate>& trust, const std::vector<Certificate>& presented) : trust_(trust) {
    for (const auto* list : {&trust, &presented}) {
      for (const auto& certificate : *list) {
        if (!contains(pool_, certificate)) pool_.push_back(certificate);
      }
    }
  }

  void from(const Certificate& leaf) {
    path_.push_back(leaf);
    extend();
    path_.pop_back();
  }

  std::vector<Path> found;
  bool complete = true;

 private:
  void extend() {
    if (found.size() >= kMaxCandidates || ++steps_ > kMaxSteps) {
      complete = false;
      return;
    }
    const Certificate last = path_.back();
    if (contains(trust_, last)) found.push_back(path_);
    if (path_.size() >= kMaxDepth) return;
    for (const auto& issuer : pool_) {
      if (!names_link(issuer, last)) continue;
      const bool repeated = std::any_of(path_.begin(), path_.end(),
                                        [&](const Certificate& seen) { return same_name_and_key(seen, issuer); });
      if (!repeated) from(issuer);
    }
  }

  const std::vector<Certificate>& trust_;
  std::vector<Certificate> pool_;
  Path path_;
  std::size_t steps_ = 0;
};

/// "" when the path is valid with its last certificate as the only anchor and the others as the only help.
std::string error_of(const Path& path, const std::string& host, std::int64_t at) {
  const auto store = owned(X509_STORE_new(), "make a store");
  check(X509_STORE_add_cert(store.get(), path.back().get()) == 1, "fill a store");
  const auto untrusted = owned(sk_X509_new_null(), "make a list");
  for (std::size_t i = 1; i + 1 < path.size(); ++i) {
    check(sk_X509_push(untrusted.get(), up_ref(path[i].get()).release()) > 0, "fill a list");
  }
  const auto context = owned(X509_STORE_CTX_new(), "make a verifier");
  check(X509_STORE_CTX_init(context.get(), store.get(), path.front().get(), untrusted.get()) == 1, "make a verifier");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_time(param, at);
  // A common name is no host name, and a star is a whole label (RFC 9525 sections 6.3 and 2).
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (!host.empty() && X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
  }
  const int result = X509_verify_cert(context.get());
  const int code = X509_STORE_CTX_get_error(context.get());
  check(true, "");
  if (result == 1 && code == X509_V_OK) return {};
  return X509_verify_cert_error_string(code);
}

}  // namespace

ValidPaths valid_paths(const std::vector<Certificate>& trust, const std::vector<Certificate>& presented,
                       const std::string& host, std::int64_t at) {
  Walk walk(trust, presented);
  walk.from(presented.front());
  ValidPaths result;
  result.complete = walk.complete;
  for (auto& path : walk.found) {
    auto error = error_of(path, host, at);
    if (error.empty()) {
      result.paths.push_back(std::move(path));
    } else if (result.first_error.empty()) {
      result.first_error = std::move(error);
    }
  }
  return result;
}

}  // namespace pindrill

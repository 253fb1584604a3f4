#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "pindrill/proxy.h"
#include "support/serving.h"

namespace pindrill::test {

inline constexpr const char* kHere = "127.0.0.1";

struct Kind {
  ProxyLanguage language;
  bool over_tls;
  const char* scheme;
};

inline std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.scheme; }

/// A genuine server, and proxies before it.
class ProxyTest : public ServerTest {
 protected:
  ProxyTest() : host_port_(std::string(kHost) + ":" + std::to_string(server_.port())) {}

  Proxy& open(
      const Kind& kind, const std::function<void(ProxyOptions&)>& change = [](ProxyOptions&) {}) {
    ProxyOptions options;
    options.language = kind.language;
    options.hosts[kHost] = kHere;
    if (kind.over_tls) {
      options.context = std::make_shared<const ServerContext>(TlsOptions{});
      options.credential = std::make_shared<const Credential>(proxy_.credential());
      options.label = "proxy";
    }
    change(options);
    opened_ = std::make_unique<Proxy>(loop_, kHere, 0, options);
    opened_->lead_to({kHere, server_.port()});
    return *opened_;
  }

  Proxy& http() { return open({ProxyLanguage::http, false, "http"}); }

  ProxyLeg only_leg() {
    EXPECT_TRUE(opened_->settle(server_.port(), std::chrono::seconds(20)));
    const auto legs = opened_->take();
    EXPECT_EQ(legs.size(), 1U);
    return legs.empty() ? ProxyLeg{} : legs.front();
  }

  /// curl by `opened_`; `trust` for the server, `proxy_trust` for the proxy.
  Finished curl(const char* scheme, const Certificate& trust, const Certificate& proxy_trust) {
    const Directory directory;
    return run({"curl", "-q", "-sS", "--max-time", "20", "--noproxy", "", "--cacert",
                directory.write("trust.pem", trust.pem()), "--proxy-cacert",
                directory.write("proxy.pem", proxy_trust.pem()), "--resolve",
                std::string(kHost) + ":" + std::to_string(opened_->port()) + ":" + kHere, "--proxy",
                std::string(scheme) + "://" + kHost + ":" + std::to_string(opened_->port()),
                "https://" + host_port_ + "/" + kSecret});
  }

  const Hierarchy proxy_{"Proxy"};
  const std::string host_port_;
  std::unique_ptr<Proxy> opened_;
};

}  // namespace pindrill::test

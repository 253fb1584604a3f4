#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "pindrill/server.h"
#include "support/command.h"
#include "support/socket.h"

namespace pindrill::test {

inline const std::string kSecret = "pd7s0123456789abcdef01234567";
inline const std::string kRequest = "GET /" + kSecret + " HTTP/1.1\r\nHost: app.pin.test\r\n\r\n";
inline const std::string kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ncanary";

/// A server with the genuine credential, and its clients.
class ServerTest : public ::testing::Test {
 protected:
  explicit ServerTest(const TlsOptions& options = {})
      : server_(loop_, "127.0.0.1", 0, std::make_shared<const ServerContext>(options), shown()) {}

  Shown shown(const std::string& label = "genuine", const std::string& response = kResponse) const {
    return {label, std::make_shared<const Credential>(genuine_.credential()), response};
  }

  /// The facts, once everything has ended.
  std::vector<Observation> settled() {
    EXPECT_TRUE(server_.settle(std::chrono::seconds(20)));
    return server_.observations();
  }

  Finished curl(const std::vector<std::string>& options) {
    const Directory directory;
    const auto port = std::to_string(server_.port());
    std::vector<std::string> command = {"curl",       "-q",
                                        "--silent",   "--show-error",
                                        "--noproxy",  "*",
                                        "--max-time", "20",
                                        "--cacert",   directory.write("trust.pem", genuine_.root.certificate().pem()),
                                        "--resolve",  "app.pin.test:" + port + ":127.0.0.1"};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back("https://app.pin.test:" + port + "/" + kSecret + "?token=hidden");
    return run(command);
  }

  const Hierarchy genuine_;
  Loop loop_;
  Server server_;
};

struct Tls {
  int number;
  const char* name;
};

inline std::ostream& operator<<(std::ostream& out, const Tls& tls) { return out << tls.name; }

class ServerVersions : public ServerTest, public ::testing::WithParamInterface<Tls> {
 protected:
  std::vector<std::string> curl_version() const {
    const std::string name = std::string(GetParam().name).substr(4);
    return {"--tlsv" + name, "--tls-max", name};
  }
};

/// For INSTANTIATE_TEST_SUITE_P of what derives from ServerVersions.
inline const auto kVersions = ::testing::Values(Tls{TLS1_2_VERSION, "TLSv1.2"}, Tls{TLS1_3_VERSION, "TLSv1.3"});
inline std::string version_name(const ::testing::TestParamInfo<Tls>& info) {
  return info.param.number == TLS1_3_VERSION ? "Tls13" : "Tls12";
}

}  // namespace pindrill::test

#include <pindrill/oracle.h>
#include <pindrill/rotation.h>
#include <pindrill/server.h>

#include <cstdio>
#include <ctime>

namespace {

pindrill::CertificateSpec named(const std::string& name, bool ca) {
  pindrill::CertificateSpec spec;
  spec.common_name = name;
  spec.ca = ca;
  if (!ca) spec.dns = {name};
  return spec;
}

}  // namespace

int main() {
  using namespace pindrill;
  const auto key = KeyPair::generate(KeyType::p256);
  const auto root = Authority::root(KeyPair::generate(KeyType::p256), named("Consumer Root TEST", true));
  const auto credential = present({key, named("app.pin.test", false), root, {}});
  const auto decision = decide({{"app.pin.test", {Pin::of_key(key)}}}, {root.certificate()}, credential.chain,
                               "app.pin.test", std::time(nullptr));
  Loop loop;
  const Server server(loop, "127.0.0.1", 0, std::make_shared<const ServerContext>(TlsOptions{}),
                      {"genuine", std::make_shared<const Credential>(credential), ""});
  std::printf("%s, port %d\n", decision.reason.c_str(), server.port());
  return decision.answer == Answer::accept && server.port() != 0 ? 0 : 1;
}

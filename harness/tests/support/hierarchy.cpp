#include "support/hierarchy.h"

#include "support/command.h"

namespace pindrill::test {

CertificateSpec authority_spec(const std::string& common_name) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.ca = true;
  return spec;
}

CertificateSpec leaf_spec(const std::string& host) {
  CertificateSpec spec;
  spec.common_name = host;
  spec.dns = {host};
  return spec;
}

Hierarchy::Hierarchy(const std::string& name)
    : root(Authority::root(KeyPair::generate(KeyType::p256), authority_spec(name + " Root TEST"))),
      intermediate(root.intermediate(KeyPair::generate(KeyType::p256), authority_spec(name + " Intermediate TEST"))),
      leaf_key(KeyPair::generate(KeyType::p256)) {}

std::string pem_of(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += certificate.pem();
  return text;
}

std::string cli_verify(const std::vector<Certificate>& trust, const std::vector<Certificate>& presented,
                       const std::vector<std::string>& options) {
  const Directory directory;
  std::vector<std::string> arguments = {"verify", "-no-CApath", "-no-CAstore", "-CAfile",
                                        directory.write("trust.pem", pem_of(trust))};
  arguments.insert(arguments.end(), options.begin(), options.end());
  if (presented.size() > 1) {
    arguments.insert(arguments.end(),
                     {"-untrusted", directory.write("others.pem", pem_of({presented.begin() + 1, presented.end()}))});
  }
  arguments.push_back(directory.write("leaf.pem", presented.at(0).pem()));
  const auto finished = openssl(arguments);
  return finished.exit_code == 0 ? "" : finished.errors + finished.output;
}

}  // namespace pindrill::test

#pragma once

#include <memory>

#include "pindrill/tls.h"
#include "support/tls_client.h"

namespace pindrill::test {

/// One server's end and its facts.
struct End {
  explicit End(const TlsOptions& options, const Credential& credential)
      : End(std::make_shared<const ServerContext>(options), credential) {}
  End(std::shared_ptr<const ServerContext> context, const Credential& credential)
      : connection(std::move(context), facts) {
    connection.show(std::make_shared<const Credential>(credential));
  }

  Observation facts;
  Connection connection;
};

}  // namespace pindrill::test

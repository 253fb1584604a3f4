// A ClientHello is read before anything is decided: however it is cut, the same is noted, nothing is answered before a
// credential is shown, and what is read needs not be well-formed.

#include "client_hello.h"
#include "pieces.h"
#include "pindrill/tls.h"

namespace {

using namespace pindrill;

bool same(const ClientHello& a, const ClientHello& b) {
  return a.sni == b.sni && a.alpn == b.alpn && a.versions == b.versions && a.groups == b.groups &&
         a.signature_algorithms == b.signature_algorithms && a.psk_offered == b.psk_offered &&
         a.early_data_offered == b.early_data_offered && a.ja4 == b.ja4 && a.stack == b.stack;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const auto context = std::make_shared<const ServerContext>(TlsOptions{});
  const fuzz::Pieces pieces(data, size);
  Observation facts;
  Connection connection(context, facts);
  pieces.each([&](auto piece) { connection.receive(piece); });
  fuzz::expect(!connection.established() && facts.flight_made_at == 0);
  Observation whole_facts;
  Connection whole(context, whole_facts);
  whole.receive(pieces.stream);
  fuzz::expect(facts.hello.has_value() == whole_facts.hello.has_value() && connection.over() == whole.over());
  if (facts.hello) fuzz::expect(same(*facts.hello, *whole_facts.hello));
  if (!connection.over()) fuzz::expect(connection.take_output().empty());
  connection.refuse();
  if (facts.hello) fuzz::expect(connection.over());
  const auto raw = read_client_hello(pieces.stream);
  fuzz::expect(raw.ja4.size() == 36 && raw.ja4[0] == 't');
  return 0;
}

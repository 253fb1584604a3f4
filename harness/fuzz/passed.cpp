// Whatever is passed through, the watcher keeps little, and how it is cut into pieces changes nothing.

#include "pieces.h"
#include "record_watcher.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace pindrill;
  const fuzz::Pieces pieces(data, size);
  RecordWatcher cut;
  RecordWatcher whole;
  pieces.each([&](auto piece) {
    cut.from_client(piece);
    cut.from_server(piece);
  });
  whole.from_client(pieces.stream);
  whole.from_server(pieces.stream);
  fuzz::expect(cut.version() == whole.version());
  fuzz::expect(cut.client_records() == whole.client_records());
  fuzz::expect(cut.client_records().size() <= 16);
  return 0;
}

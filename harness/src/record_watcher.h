#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pindrill {

/// Reads the outside of TLS records that are passed through: their types and sizes, and the version that the server
/// chose. From it one tells whether a client sent data without reading any.
class RecordWatcher {
 public:
  void from_client(std::span<const unsigned char> bytes);
  void from_server(std::span<const unsigned char> bytes);

  /// Sizes of the client's first records of type application_data; in TLS 1.3 its Finished is one of them.
  const std::vector<std::uint16_t>& client_records() const noexcept { return client_records_; }
  /// "TLSv1.3", "TLSv1.2", "TLSv1.1 or older"; "" as long as there was no ServerHello.
  const std::string& version() const noexcept { return version_; }

 private:
  struct Header {
    unsigned char bytes[5] = {};
    std::size_t have = 0;
    std::size_t skip = 0;  ///< what is left of the record's body
  };
  static constexpr std::size_t kKept = 16;
  static constexpr std::size_t kServerHello = 32 * 1024;  ///< with a share of a post-quantum key it is long

  void no_more();

  Header client_;
  std::vector<std::uint16_t> client_records_;
  std::vector<unsigned char> server_;
  std::string version_;
  bool server_done_ = false;
};

}  // namespace pindrill

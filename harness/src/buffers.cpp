#include "buffers.h"

#include <array>

namespace pindrill {
namespace {

Bytes take_all(BIO* bio) {
  Bytes bytes(BIO_ctrl_pending(bio));
  if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

void attach_buffers(SSL* ssl) {
  auto in = owned(BIO_new(BIO_s_mem()), "make a buffer");
  auto out = owned(BIO_new(BIO_s_mem()), "make a buffer");
  SSL_set_bio(ssl, in.release(), out.release());
}

bool slim_buffers(SSL* ssl) {
  if (BIO_ctrl_pending(SSL_get_rbio(ssl)) != 0 || BIO_ctrl_pending(SSL_get_wbio(ssl)) != 0) return false;
  attach_buffers(ssl);
  return true;
}

void put_received(SSL* ssl, std::span<const unsigned char> bytes) {
  if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl), bytes.data(), static_cast<int>(bytes.size()));
}

Bytes take_written(SSL* ssl) { return take_all(SSL_get_wbio(ssl)); }

Bytes take_unread(SSL* ssl) { return take_all(SSL_get_rbio(ssl)); }

int read_all(SSL* ssl, Bytes& data) {
  std::array<unsigned char, 16384> buffer;
  while (true) {
    std::size_t size = 0;
    if (SSL_read_ex(ssl, buffer.data(), buffer.size(), &size) != 1) return SSL_get_error(ssl, 0);
    data.insert(data.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
  }
}

}  // namespace pindrill

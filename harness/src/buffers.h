#pragma once

#include <span>

#include "pindrill/ossl.h"

namespace pindrill {

/// Gives a TLS engine fresh memory BIOs to read from and write to.
void attach_buffers(SSL* ssl);

/// Memory BIOs keep the largest size that they ever had: gives that back. False while they hold something.
bool slim_buffers(SSL* ssl);

void put_received(SSL* ssl, std::span<const unsigned char> bytes);
Bytes take_written(SSL* ssl);
/// What was put in, and that the engine has not looked at.
Bytes take_unread(SSL* ssl);

/// Reads what can be read. The reason why it stopped, as SSL_get_error tells.
int read_all(SSL* ssl, Bytes& data);

}  // namespace pindrill

"""TLS records from outside: of a connection that is passed through, and behind the end of one that was read."""

from __future__ import annotations

_CHANGE_CIPHER_SPEC, _HANDSHAKE, _APPLICATION_DATA = 20, 22, 23
_MAJOR = 3
_LARGEST_ALERT = 35
"""RFC 8446 section 5.2: an encrypted alert looks like data. With the padding of JSSE it has as many octets."""
_SERVER_HELLO = 2
_HEADER = 5
_MESSAGE_HEADER = 4
_FIXED = _MESSAGE_HEADER + 2 + 32  # message header, version, random
_SUPPORTED_VERSIONS, _TLS13, _TLS12 = 43, 0x0304, 0x0303
_KEPT = 16
_KEPT_SERVER = 32 * 1024  # with a share of a post-quantum key it is long


class Records:
    def __init__(self) -> None:
        self.version = ""
        self.client: list[int] = []
        """Sizes of the client's first records of type 23."""
        self._header = b""
        self._skip = 0
        self._server = b""
        self._hello_done = False

    def from_client(self, data: bytes) -> None:
        while data and len(self.client) < _KEPT:
            if self._skip:
                taken = min(self._skip, len(data))
                self._skip -= taken
            else:
                taken = min(_HEADER - len(self._header), len(data))
                self._header += data[:taken]
                if len(self._header) == _HEADER:
                    self._skip = int.from_bytes(self._header[3:], "big")
                    if self._header[0] == _APPLICATION_DATA:
                        self.client.append(self._skip)
                    self._header = b""
            data = data[taken:]

    def from_server(self, data: bytes) -> None:
        if self._hello_done:
            return
        self._server = (self._server + data)[:_KEPT_SERVER]
        message, whole = _first_message(self._server)
        if message and message[0] != _SERVER_HELLO:
            self._hello_done = True
        elif whole:
            self.version = _named(_chosen_version(message))
            self._hello_done = True
        elif len(self._server) >= _KEPT_SERVER or self._server[:1] not in (b"", bytes([_HANDSHAKE])):
            self._hello_done = True
        if self._hello_done:
            self._server = b""


class UnreadBytes:
    """Counts what may be data in bytes that a client sends after its TLS connection is over, as unread_records.cpp."""

    def __init__(self) -> None:
        self.bytes = 0
        self._header = b""
        self._left = 0
        self._counts = False
        self._plain = False

    def feed(self, data: bytes) -> None:
        while data:
            if self._plain:
                self.bytes += len(data)
                return
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                self.bytes += taken if self._counts else 0
            else:
                taken = 1
                self._header += data[:1]
                self._begin()
            data = data[taken:]

    def _begin(self) -> None:
        header = self._header
        known = _CHANGE_CIPHER_SPEC <= header[0] <= _APPLICATION_DATA
        if not known or (len(header) == _HEADER and header[1] != _MAJOR):
            self._plain = True
            self.bytes += len(header)
        elif len(header) == _HEADER:
            self._left = int.from_bytes(header[3:], "big")
            data = header[0] == _APPLICATION_DATA and self._left > _LARGEST_ALERT
            self._counts = data or header[0] == _HANDSHAKE
            self._header = b""


def _first_message(data: bytes) -> tuple[bytes, bool]:
    """The first handshake message, which may come in several records, and whether it is whole."""
    message, at = b"", 0
    while at + _HEADER <= len(data) and data[at] == _HANDSHAKE:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + _HEADER : at + _HEADER + size]
        if len(message) >= _MESSAGE_HEADER:
            wanted = _MESSAGE_HEADER + int.from_bytes(message[1:4], "big")
            if len(message) >= wanted:
                return message[:wanted], True
        at += _HEADER + size
    return message, False


def _chosen_version(hello: bytes) -> int:
    """RFC 8446 section 4.1.3: from TLS 1.3 on the version stands in an extension."""
    if len(hello) <= _FIXED:
        return 0
    legacy = int.from_bytes(hello[_MESSAGE_HEADER : _MESSAGE_HEADER + 2], "big")
    at = _FIXED + 1 + hello[_FIXED] + 2 + 1  # session id, cipher suite, compression
    end = min(len(hello), at + 2 + int.from_bytes(hello[at : at + 2], "big"))
    at += 2
    while at + 4 <= end:
        if int.from_bytes(hello[at : at + 2], "big") == _SUPPORTED_VERSIONS and at + 6 <= end:
            return int.from_bytes(hello[at + 4 : at + 6], "big")
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return legacy


def _named(version: int) -> str:
    if version >= _TLS13:
        return "TLSv1.3"
    if version == _TLS12:
        return "TLSv1.2"
    return "TLSv1.1 or older" if 0x0300 < version < _TLS12 else ""

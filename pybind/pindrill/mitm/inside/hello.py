"""A ClientHello, read and fingerprinted as the compiled core does it (client_hello.cpp, fingerprint.cpp)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from time import monotonic_ns
from typing import Any

_HANDSHAKE_RECORD, _CLIENT_HELLO = 22, b"\x01"
_MAJOR = 3
_SSL2_START = 5
"""Length, message type, version."""
_SNI, _GROUPS, _SIGNATURES, _ALPN, _PADDING, _TICKET = 0, 10, 13, 16, 21, 35
_PSK, _EARLY_DATA, _VERSIONS, _COOKIE = 41, 42, 43, 44
_FORMER_APPLICATION_SETTINGS, _APPLICATION_SETTINGS = 17513, 17613
"""ALPS: a browser offers it with h2, not for WebSockets."""
_VARYING = {_PADDING, _PSK, _EARLY_DATA, _COOKIE, _TICKET, _FORMER_APPLICATION_SETTINGS, _APPLICATION_SETTINGS}
_VERSION_NAMES = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3"}


def begins_tls(data: bytes) -> bool | None:
    """Of a client's first bytes, at least one: a handshake record, or the ClientHello of SSL 2.0 that old clients open
    TLS with (RFC 5246 appendix E.2). None: more is needed to tell. As `begins` of the compiled core."""
    if data[0] == _HANDSHAKE_RECORD:
        return True
    if not data[0] & 0x80 or data[2:3] not in (b"", _CLIENT_HELLO):
        return False
    if len(data) < _SSL2_START:
        return None
    return data[3] == _MAJOR or data[3:5] == b"\0\2"


class _View:
    """Takes octets from the front; nothing when there are not as many."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __bool__(self) -> bool:
        return bool(self.data)

    def take(self, size: int) -> bytes:
        if len(self.data) < size:
            self.data = b""
            return b""
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, prefix: int) -> bytes:
        return self.take(self.number(prefix))


def whole_hello(data: bytes) -> bytes:
    """The message, without its header, that records at the front of a stream hold; empty when it is not whole."""
    message, at = b"", 0
    while at + 5 <= len(data) and data[at] == _HANDSHAKE_RECORD:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
    wanted = int.from_bytes(message[1:4], "big")
    whole = message[:1] == _CLIENT_HELLO and len(message) >= 4 + wanted
    return message[4 : 4 + wanted] if whole else b""


def read_client_hello(body: bytes) -> dict[str, Any]:
    """The message without its handshake header; RFC 8446 section 4.1.2."""
    view = _View(body)
    legacy_version = view.number(2)
    view.take(32)  # random
    view.vector(1)  # session id
    ciphers = _numbers(view.vector(2))
    view.vector(1)  # compression methods
    rest = _View(view.vector(2))
    types: list[int] = []
    extensions: dict[int, bytes] = {}
    while len(rest.data) >= 4:
        types.append(rest.number(2))
        extensions.setdefault(types[-1], rest.vector(2))
    alpn = _protocols(extensions.get(_ALPN, b""))
    versions = _numbers(_View(extensions.get(_VERSIONS, b"")).vector(1)) or [legacy_version]
    signatures = _numbers(_View(extensions.get(_SIGNATURES, b"")).vector(2))
    version = _version(versions)
    return {
        "sni": _text(_server_name(extensions.get(_SNI, b""))),
        "alpn": [_text(name) for name in alpn],
        "versions": versions,
        "groups": _numbers(_View(extensions.get(_GROUPS, b"")).vector(2)),
        "signature_algorithms": signatures,
        "psk_offered": _PSK in extensions or bool(extensions.get(_TICKET)),
        "early_data_offered": _EARLY_DATA in extensions,
        "at": monotonic_ns(),
        "ja4": _ja4(version, ciphers, types, alpn, signatures),
        "stack": _stack(version, ciphers, types, signatures),
    }


def _ja4(version: str, ciphers: list[int], types: list[int], alpn: list[bytes], signatures: list[int]) -> str:
    suites, extensions = _known(ciphers), _known(types)
    named = "d" if _SNI in extensions else "i"
    head = f"t{version}{named}{_two_digits(suites)}{_two_digits(extensions)}{_first_and_last(alpn)}"
    return head + _hashes(suites, _known(extensions, lambda each: each in (_SNI, _ALPN)), signatures)


def _stack(version: str, ciphers: list[int], types: list[int], signatures: list[int]) -> str:
    """JA4 without what one TLS stack varies from connection to connection."""
    suites, extensions = _known(ciphers), _known(types, lambda each: each in _VARYING or each in (_SNI, _ALPN))
    return f"t{version}{_two_digits(suites)}{_two_digits(extensions)}{_hashes(suites, extensions, signatures)}"


def _hashes(ciphers: list[int], extensions: list[int], signatures: list[int]) -> str:
    named = _joined(sorted(extensions))
    if named and signatures:
        named += "_" + _joined(signatures)
    return f"_{_hash12(_joined(sorted(ciphers)))}_{_hash12(named)}"


def _grease(value: int) -> bool:
    """Reserved so that servers tolerate unknown values (RFC 8701); they change from connection to connection."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def _known(values: Iterable[int], leave: Callable[[int], bool] = lambda each: False) -> list[int]:
    return [value for value in values if not _grease(value) and not leave(value)]


def _version(versions: list[int]) -> str:
    return _VERSION_NAMES.get(max(_known(versions), default=0), "00")


def _first_and_last(alpn: list[bytes]) -> str:
    if not alpn or not alpn[0]:
        return "00"
    first, last = alpn[0][:1], alpn[0][-1:]
    if first.isalnum() and last.isalnum():
        return (first + last).decode("ascii")
    return first.hex()[0] + last.hex()[1]


def _two_digits(values: list[int]) -> str:
    return f"{min(len(values), 99):02d}"


def _joined(values: list[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _hash12(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


def _server_name(data: bytes) -> bytes:
    names = _View(_View(data).vector(2))  # RFC 6066 section 3
    if len(names.data) < 3 or names.number(1) != 0:
        return b""
    return names.vector(2)


def _protocols(data: bytes) -> list[bytes]:
    names, found = _View(_View(data).vector(2)), []  # RFC 7301 section 3.1
    while names:
        found.append(names.vector(1))
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")

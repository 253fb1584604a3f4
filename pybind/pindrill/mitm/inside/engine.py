"""Looks into the TLS engine of a connection, and makes engines that show a credential of ours.

mitmproxy's hooks tell neither alerts, nor when the certificate went out, nor data that is no whole request. Its
engine is a pyOpenSSL connection that a hook may replace, and that one tells all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto

from .reporter import CLOSE_NOTIFY, Reporter

_READ_ALERT, _WRITE_ALERT = 0x4004, 0x4008
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_WARNING, _FATAL, _NO_NUMBER = 1, 2, 255
_ALERT = re.compile(r"(?:ssl|tls)[^,]{0,200} alert ([a-z ]+)")
_ALERT_NUMBERS = {
    "unexpected message": 10,
    "bad record mac": 20,
    "record overflow": 22,
    "handshake failure": 40,
    "bad certificate": 42,
    "unsupported certificate": 43,
    "certificate revoked": 44,
    "certificate expired": 45,
    "certificate unknown": 46,
    "illegal parameter": 47,
    "unknown ca": 48,
    "access denied": 49,
    "decode error": 50,
    "decrypt error": 51,
    "protocol version": 70,
    "insufficient security": 71,
    "internal error": 80,
    "user cancelled": 90,
    "unrecognized name": 112,
    "certificate required": 116,
}
"""OpenSSL's words for the alerts of RFC 8446 section 6; its numbers are not to be had without a context of ours."""
_HTTP = (b"h2", b"http/1.1")
_HANDSHAKE_RECORD = 22
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 section 4.1.3), at this place of a record."""
_RANDOM = slice(11, 43)


def credential_engine(credential: dict[str, str], upstream_alpn: bytes | None, reporter: Reporter) -> Any:
    """Shows the chain (PEM, leaf first). `upstream_alpn`: agreed with the genuine server; None: nothing yet."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[credential.get("min", "1.2")])
    context.set_max_proto_version(_VERSIONS[credential.get("max", "1.3")])
    # A resumed session would prove nothing about certificates.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    leaf, *others = _certificates(credential["chain"])
    context.use_certificate(leaf)
    for each in others:
        context.add_extra_chain_cert(each)
    context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, credential["key"].encode()))
    context.set_alpn_select_callback(_agreeing(upstream_alpn))
    context.set_info_callback(_informing(reporter))
    engine = SSL.Connection(context)
    engine.set_accept_state()
    return engine


def watch(engine: Any, reporter: Reporter, *, alerts_from_errors: bool = False) -> None:
    """From here on `reporter` hears of what the engine does. `alerts_from_errors`: its context is not ours to ask."""
    engine.do_handshake = _noticing(engine, reporter, engine.do_handshake, alerts_from_errors)
    engine.recv = _reading(reporter, engine.recv, alerts_from_errors)
    engine.bio_read = _writing(engine, reporter, engine.bio_read)


def _agreeing(upstream: bytes | None) -> Callable[[Any, list[bytes]], Any]:
    def agreed(engine: Any, offered: list[bytes]) -> Any:
        known = [each for each in offered if each in _HTTP] if upstream is None else [upstream]
        return known[0] if known and known[0] in offered else SSL.NO_OVERLAPPING_PROTOCOLS

    return agreed


def _informing(reporter: Reporter) -> Callable[[Any, int, int], None]:
    """Alerts with their numbers. The context must be told before it has an engine."""

    def informed(engine: Any, where: int, value: int) -> None:
        if where in (_READ_ALERT, _WRITE_ALERT):
            reporter.alert(sent=where == _WRITE_ALERT, level=value >> 8, number=value & 0xFF)

    return informed


def _noticing(
    engine: Any, reporter: Reporter, do_handshake: Callable[[], None], alerts_from_errors: bool
) -> Callable[[], None]:
    def noticed() -> None:
        try:
            do_handshake()
        except SSL.WantReadError:
            raise
        except SSL.Error as error:
            reporter.tls_failed(_words(error))
            reporter.nobody_reads()
            if alerts_from_errors:
                _alert_in(error, reporter)
            raise
        reporter.handshake_finished(
            resumed=_resumed(engine, reporter),
            client_certificate=engine.get_peer_certificate() is not None,
            cipher=engine.get_cipher_name() or "",
            alpn=(engine.get_alpn_proto_negotiated() or b"").decode("utf-8", "backslashreplace"),
        )

    return noticed


def _reading(reporter: Reporter, recv: Callable[..., bytes], alerts_from_errors: bool) -> Callable[..., bytes]:
    def read(*arguments: Any) -> bytes:
        try:
            data = recv(*arguments)
        except SSL.ZeroReturnError:
            if not reporter.close_notify:
                reporter.alert(sent=False, level=_WARNING, number=CLOSE_NOTIFY)
            reporter.nobody_reads()
            raise
        except SSL.WantReadError:
            raise
        except SSL.Error as error:
            reporter.nobody_reads()
            if alerts_from_errors:
                _alert_in(error, reporter)
            raise
        reporter.readable(data)
        return data

    return read


def _writing(engine: Any, reporter: Reporter, bio_read: Callable[..., bytes]) -> Callable[..., bytes]:
    def written(*arguments: Any) -> bytes:
        data = bio_read(*arguments)
        if data[0] == _HANDSHAKE_RECORD and data[_RANDOM] != _RETRY:
            reporter.flight_made(engine.get_protocol_version_name())
        return data

    return written


def _resumed(engine: Any, reporter: Reporter) -> bool:
    """mitmproxy's own contexts resume sessions; pyOpenSSL has no method that tells."""
    try:
        return bool(SSL._lib.SSL_session_reused(engine._ssl) == 1)
    except AttributeError:
        reporter.unknown("whether a session was resumed")
        return False


def _certificates(chain: str) -> list[Any]:
    end = "-----END CERTIFICATE-----\n"
    parts = [part + end for part in chain.split(end) if part.strip()]
    return [crypto.load_certificate(crypto.FILETYPE_PEM, part.encode()) for part in parts]


def _alert_in(error: Exception, reporter: Reporter) -> None:
    found = _ALERT.search(_words(error))
    if found:
        reporter.alert(sent=False, level=_FATAL, number=_ALERT_NUMBERS.get(found[1], _NO_NUMBER))
        if found[1] not in _ALERT_NUMBERS:
            reporter.unknown("the alert's number")


def _words(error: Exception) -> str:
    """Of the engine's error queue the last part of each entry."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(entry[-1]) for entry in queue) or repr(error)


def count_received(engine: Any, reporter: Reporter) -> None:
    """What the upstream sends, decrypted."""
    recv = engine.recv

    def counted(*arguments: Any) -> bytes:
        data: bytes = recv(*arguments)
        reporter.upstream_received(len(data))
        return data

    engine.recv = counted

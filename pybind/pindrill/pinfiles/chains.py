"""Chains, from PEM or from a server: the only place that contacts anything, and only the host that was named."""

from __future__ import annotations

import re
import socket
import ssl

from pindrill import _core
from pindrill.model import UsageError

TIMEOUT_S = 10
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")


def certificates(pem: str) -> list[_core.Certificate]:
    return _core.Certificate.list_from_pem(pem)


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def shown_chain(address: str) -> str:
    """PEM, leaf first, as it came: not validated, for a pin is asked of it, not trust."""
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise UsageError(f"'{address}' is no HOST:PORT")
    host, port = found["host"].strip("[]"), int(found["port"])
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            return "".join(_pem(der) for der in _certificates(connection))
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{address}: no certificate could be fetched: {error}; is a TLS server there?") from error


def _certificates(connection: ssl.SSLSocket) -> list[bytes]:
    """The list, where this Python tells it (3.13; before that only inside); else the leaf alone."""
    tell = getattr(connection, "get_unverified_chain", None)
    if tell is not None:
        return list(tell() or ())
    inner = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return [certificate.public_bytes(2) for certificate in inner() or ()]
    leaf = connection.getpeercert(binary_form=True)
    return [leaf] if leaf else []


def _pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)

"""The callable driver: a Python function `client(target)` in this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pindrill.model import ClientReport, Refused, Said, Target

ClientFunction = Callable[[Target], object]
# What libraries raise at a pin mismatch that is no ssl.SSLError. By name: none of them needs to be installed.
_TLS_ERRORS = frozenset(
    {
        "OpenSSL.SSL.Error",
        "aiohttp.client_exceptions.ServerFingerprintMismatch",
        "requests.exceptions.SSLError",
        "urllib3.exceptions.SSLError",
    }
)


class CallableDriver:
    """Return = accepted, `pindrill.Refused` or any TLS error = refused, anything else raised = error."""

    outlives_attempts = True
    expresses_pins = True

    def __init__(self, client: ClientFunction) -> None:
        self._client = client

    def session(self, directory: Path) -> CallableDriver:
        return self

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        started = time.monotonic()
        with resolving(target.host, target.address):
            said, detail, answer = self._call(target)
        return ClientReport(
            said=said,
            detail=detail,
            canary_out=bool(canary) and canary in _text(answer),
            duration_s=time.monotonic() - started,
        )

    def end(self) -> None:
        """A function's objects end with it."""

    def close(self, patience_s: float = 0) -> None:
        """Nothing was started."""

    def _call(self, target: Target) -> tuple[Said, str, object]:
        try:
            return Said.ACCEPTED, "", self._client(target)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            if isinstance(error, Refused) or _is_tls_error(error):
                return Said.REFUSED, f"{type(error).__name__}: {error}"[:300], None
            return Said.ERROR, f"{type(error).__name__}: {error}"[:300], None


def _is_tls_error(error: BaseException) -> bool:
    """Libraries wrap it: `raise … from` and arguments lead to the cause."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        current = todo.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, ssl.SSLError) or any(_named(kind) in _TLS_ERRORS for kind in type(current).__mro__):
            return True
        todo += [current.__cause__, current.__context__, *current.args, getattr(current, "reason", None)]
    return False


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _text(answer: object) -> str:
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    return answer if isinstance(answer, str) else ""


_names: dict[str, list[str]] = {}
_lock = threading.Lock()
_original = socket.getaddrinfo


@contextlib.contextmanager
def resolving(host: str, address: str) -> Iterator[None]:
    """`host` resolves to `address` inside this process: threads cannot be moved to another hosts file."""
    name = host.lower().rstrip(".")
    with _lock:
        _names.setdefault(name, []).append(address)
        socket.getaddrinfo = _getaddrinfo
    try:
        yield
    finally:
        with _lock:
            _names[name].remove(address)
            if not _names[name]:
                del _names[name]
            if not _names:
                socket.getaddrinfo = _original


def _getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
    text = host.decode() if isinstance(host, bytes) else host
    with _lock:
        known = _names.get(text.lower().rstrip("."), []) if isinstance(text, str) else []
        address = known[-1] if known else host
    return _original(address, *arguments, **options)

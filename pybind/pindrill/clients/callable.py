"""The callable driver: a Python function `client(target)` in this process, plain or async."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from pindrill.clients.attempt_places import attempting
from pindrill.model import ClientReport, Refused, Said, Target, Unsupported, UsageError

ClientFunction = Callable[[Target], object]
_GRACE_S = 2.0
"""A client that keeps to its deadline is to say so itself."""
# What libraries raise at a pin mismatch that is no ssl.SSLError. By name: none of them needs to be installed.
_TLS_ERRORS = frozenset(
    {
        "OpenSSL.SSL.Error",
        "aiohttp.client_exceptions.ServerFingerprintMismatch",
        "requests.exceptions.SSLError",
        "urllib3.exceptions.SSLError",
    }
)


class NotAccepted(Refused):
    """A program that the function started did not say that it accepted; its report tells a refusal from a crash."""

    def __init__(self, report: ClientReport) -> None:
        super().__init__(f"{report.said}: {report.detail}")
        self.report = report


class CallableDriver:
    """Return = accepted, `pindrill.Refused` or any TLS error = refused, anything else raised = error."""

    outlives_attempts = True

    def __init__(
        self, client: ClientFunction, *, told: bool = True, cannot: tuple[type[BaseException], ...] = (Unsupported,)
    ) -> None:
        """`told`: its pins are those of the target. `cannot`: what it raises where it cannot do what it is told."""
        self.expresses_pins = told
        self._client = client
        self._cannot = cannot

    def go_through(self, proxy: str) -> None:
        raise UsageError("a function reads the environment of this process, which tells it of no proxy")

    def session(self, directory: Path) -> CallableSession:
        return CallableSession(self._client, self._cannot, directory)

    def close(self, patience_s: float = 0) -> None:
        """Nothing was started."""


class CallableSession:
    """Keeps one HOME for the programs that the function starts in the stages of a cell."""

    def __init__(self, client: ClientFunction, cannot: tuple[type[BaseException], ...], home: Path) -> None:
        self._client = client
        self._cannot = cannot
        self._home = home

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        """In a thread of its own: a function that hangs is left behind."""
        reports: list[ClientReport] = []
        raised: list[BaseException] = []
        context = contextvars.copy_context()

        def call() -> None:
            try:
                reports.append(context.run(self._attempt, target, canary))
            except BaseException as error:  # no answer: an interruption
                raised.append(error)

        thread = threading.Thread(target=call, name=f"pindrill {target.id}", daemon=True)
        thread.start()
        thread.join(target.deadline_s + min(_GRACE_S, target.deadline_s))
        if raised:
            raise raised[0]
        if reports:
            return reports[0]
        return ClientReport(
            said=Said.TIMEOUT,
            detail=f"the function did not return within its deadline of {target.deadline_s:g} s",
            ending_at=time.monotonic_ns(),
            duration_s=target.deadline_s,
        )

    def end(self) -> None:
        """The objects of a function end with it."""

    def _attempt(self, target: Target, canary: str) -> ClientReport:
        started = time.monotonic()
        with attempting(target, canary, self._home), resolving(target.host, target.address):
            try:
                said, detail, answer = self._call(target)
            except NotAccepted as ended:
                return ended.report
        return ClientReport(
            said=said,
            detail=detail,
            canary_out=bool(canary) and canary in _text(answer),
            duration_s=time.monotonic() - started,
        )

    def _call(self, target: Target) -> tuple[Said, str, object]:
        try:
            answer = self._client(target)
            if inspect.isawaitable(answer):
                import asyncio  # noqa: PLC0415 - a drill of programs would wait for it

                answer = asyncio.run(_awaited(answer))
        except (KeyboardInterrupt, NotAccepted):
            raise
        except SystemExit as ended:
            return Said.ERROR, f"it called sys.exit({ended.code!r})", None
        except self._cannot as why:
            return Said.UNSUPPORTED, str(why), None
        except BaseException as error:
            said = Said.REFUSED if isinstance(error, Refused) or _is_tls_error(error) else Said.ERROR
            return said, f"{type(error).__name__}: {error}"[:300], None
        return Said.ACCEPTED, "", answer


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


def _is_tls_error(error: BaseException) -> bool:
    """Libraries wrap it: `raise … from` and arguments lead to the cause."""
    import ssl  # noqa: PLC0415 - as asyncio

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

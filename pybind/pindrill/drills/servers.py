"""Who shows a scenario's credentials: our own server, or another program behind the same face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pindrill import _core
from pindrill.clients import Driver
from pindrill.model import TLS_VERSIONS, TlsVersion


class ScenarioServer(Protocol):
    """Our own (`_core.Server`), or another program's behind the same face."""

    @property
    def port(self) -> int: ...
    def serve(self, label: str, credential: _core.Credential, response: str, *, takes_tickets: bool = True) -> None: ...
    def settle(self, timeout_s: float) -> bool: ...
    def observations(self) -> list[dict[str, Any]]: ...


OpenServer = Callable[[str, TlsVersion, str, _core.Credential, str], ScenarioServer]
"""Address, version, label, credential and response of a server to be opened on a port of its own."""


class Contexts:
    """The TLS settings of our own servers."""

    def __init__(self, key_log_file: Path | None) -> None:
        self._key_log_file = str(key_log_file or "")
        self.shared = {version: self._made(version, tickets=False) for version in TLS_VERSIONS}

    def with_tickets(self, version: TlsVersion) -> _core.ServerContext:
        """With ticket keys of its own."""
        return self._made(version, tickets=True)

    def _made(self, version: TlsVersion, *, tickets: bool) -> _core.ServerContext:
        return _core.ServerContext(
            min_version=version, max_version=version, tickets=tickets, key_log_file=self._key_log_file
        )


def no_sessions(driver: Driver, *, own_server: bool) -> str:
    """Why no session outlives a request of this client; empty: it may."""
    if not driver.outlives_attempts:
        return "it needs several requests in one process, and a command makes one"
    return "" if own_server else "sessions are not resumed through another program's server"

"""Who shows a scenario's credentials: our own server, or another program behind the same face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pindrill import _core
from pindrill.model import TlsVersion


class ScenarioServer(Protocol):
    """Our own (`_core.Server`), or another program's behind the same face."""

    @property
    def port(self) -> int: ...
    def serve(self, label: str, credential: _core.Credential, response: str) -> None: ...
    def settle(self, timeout_s: float) -> bool: ...
    def observations(self) -> list[dict[str, Any]]: ...


OpenServer = Callable[[str, TlsVersion, str, _core.Credential, str], ScenarioServer]
"""Address, version, label, credential and response of a server to be opened on a port of its own."""

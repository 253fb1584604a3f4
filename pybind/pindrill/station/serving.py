"""How the station's page is served: to whom, to how many at once, and for how long."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS, MOST_OF_ONE_CLIENT = 64, 16
REQUEST_S = 10.0
"""For a request to come whole, and for its answer to be taken."""
_KEEP_ALIVE_S = 5
_SHUTDOWN_S = 2
_HEAD_BYTES = 16 * 1024


class ServesClients(Protocol):
    def __contains__(self, address: str) -> bool: ...


class TakesConnections(Protocol):
    """Of connections at once."""

    def take(self, client: str) -> bool: ...
    def give_back(self, client: str) -> None: ...


def page_server(application: Starlette, served: ServesClients, budget: TakesConnections) -> uvicorn.Server:
    class Guarded(_Guarded):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type]
            self.served, self.budget = served, budget

    return uvicorn.Server(
        uvicorn.Config(
            application,
            http=Guarded,
            ws="none",
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
            h11_max_incomplete_event_size=_HEAD_BYTES,
        )
    )


class _Guarded(H11Protocol):
    """uvicorn's own timeouts begin after the first request only."""

    served: ServesClients
    budget: TakesConnections
    _counted = ""
    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        client = _address(transport.get_extra_info("peername"))
        # The machine itself may look at its own page.
        known = client == _address(transport.get_extra_info("sockname")) or (client and client in self.served)
        if not known or not self.budget.take(client):
            transport.abort()
            return
        self._counted = client
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._impatience:
            self._impatience.cancel()
        if self._counted:
            self.budget.give_back(self._counted)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        if self._impatience:
            self._impatience.cancel()
        self._impatience = self.loop.call_later(REQUEST_S, self.transport.abort)


def _address(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""


def listen(address: str, port: int) -> socket.socket:
    """OSError where it cannot."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, reuse_port=False)

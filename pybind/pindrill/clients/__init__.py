"""How a client is driven: command, adapter, callable. Each turns targets into client reports."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pindrill.model import ClientReport, Target


class Session(Protocol):
    """One client object, or one HOME: what is kept between the stages of a cell."""

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        """`canary`: what the answer will hold, to be looked for in what comes out of the client. It is not told it."""
        ...

    def end(self) -> None:
        """The client object is no longer needed: its sockets should end. Called once."""
        ...


class Driver(Protocol):
    """Makes sessions; used from many threads."""

    @property
    def expresses_pins(self) -> bool:
        """False: the client's pins are compiled in, or it has none."""
        ...

    @property
    def outlives_attempts(self) -> bool:
        """True: the client's process stays alive, so a secret may still arrive later."""
        ...

    def go_through(self, proxy: str) -> None:
        """Programs that are started from now on are told the URL of this proxy. UsageError: it starts none."""
        ...

    def session(self, directory: Path) -> Session:
        """`directory` is empty, private to the session, and removed afterwards."""
        ...

    def close(self, patience_s: float = 0) -> None:
        """No more attempts: those that run are ended, a program that would be started raises DriverClosed.

        A client that lives on is told, and has so long to end by itself.
        """
        ...

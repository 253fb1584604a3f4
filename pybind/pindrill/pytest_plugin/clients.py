"""The client of a test: a function, and the programs that it starts, with names that resolve for both."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pindrill.clients.callable import CallableDriver, ClientFunction
from pindrill.clients.command import CommandDriver
from pindrill.clients.process import resolved_program
from pindrill.machine import names
from pindrill.model import ClientReport, Refused, Said, Target, UsageError

_GRACE_S = 2.0
"""A client that keeps to its deadline is to say so itself."""


class FunctionDriver:
    """Calls whatever function the running test has; a bench of one client serves many tests."""

    outlives_attempts = True

    def __init__(self, *, told: bool) -> None:
        self.expresses_pins = told
        self.client: ClientFunction | None = None

    def session(self, directory: Path) -> FunctionSession:
        if self.client is None:
            raise RuntimeError("the test of this client is over")
        return FunctionSession(self.client, directory)

    def close(self, patience_s: float = 0) -> None:
        self.client = None


class FunctionSession:
    """Keeps one HOME for the programs that the function starts in the stages of a cell."""

    def __init__(self, client: ClientFunction, home: Path) -> None:
        self._client = client
        self._home = home

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        """In a thread of its own: a function that hangs is left behind."""
        reports: list[ClientReport] = []
        context = contextvars.copy_context()

        def call() -> None:
            reports.append(context.run(self._attempt, target, canary))

        thread = threading.Thread(target=call, name=f"pindrill {target.id}", daemon=True)
        thread.start()
        thread.join(target.deadline_s + min(_GRACE_S, target.deadline_s))
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
        said: list[ClientReport] = []

        def call(told: Target) -> object:
            try:
                answer = self._client(told)
                return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
            except pytest.skip.Exception as skipped:
                said.append(ClientReport(said=Said.UNSUPPORTED, detail=str(skipped)))
                raise
            except NotAccepted as ended:
                said.append(ended.report)
                raise
            except SystemExit as ended:
                raise RuntimeError(f"it called sys.exit({ended.code!r})") from ended

        with runnable(target, canary, self._home):
            report = CallableDriver(call).attempt(target, canary)
        return said[-1] if said else report


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


# --- programs --------------------------------------------------------------------------------------------------


class NotAccepted(Refused):
    """A program that `run` started did not say that it accepted; its report tells a refusal from a crash."""

    def __init__(self, report: ClientReport) -> None:
        super().__init__(f"{report.said}: {report.detail}")
        self.report = report


def run(command: Sequence[str], target: Target, *, env: Mapping[str, str] | None = None) -> str:
    """Runs a client program for this target, as `pindrill drill -- COMMAND` does, and returns what it printed.

    The command may hold placeholders (`{url}`, `{ca_file}`, `{pins_curl}` …), and the host name resolves for it.
    """
    place = _places.get(target.path)
    if place is None:
        raise UsageError("run: this target is over, or of another test; pass on the target that the test was given")
    if not command:
        raise UsageError("run: the command is empty; give the program and its arguments")
    uses_address = any("{address}" in part for part in command)
    prefix = [] if uses_address else _launcher(place.target.address, place.home)
    driver = CommandDriver([*prefix, resolved_program(command[0]), *command[1:]], environment=env)
    report = driver.session(place.home).attempt(place.target, place.canary)
    if report.said is not Said.ACCEPTED:
        raise NotAccepted(report)
    return report.stdout


@dataclass(frozen=True)
class _Place:
    target: Target
    canary: str
    home: Path


_places: dict[str, _Place] = {}
"""By the path of the target, which no other target has."""


@contextmanager
def runnable(target: Target, canary: str, home: Path) -> Iterator[None]:
    """Meanwhile `run` knows this target."""
    _places[target.path] = _Place(target, canary, home)
    try:
        yield
    finally:
        del _places[target.path]


def _launcher(address: str, home: Path) -> list[str]:
    """What stands before a command, so that the names under test resolve for it and for nobody else."""
    hosts = home / "hosts"
    launcher = [str(names.NAMES), str(hosts), "--"]
    if not hosts.exists():
        hosts.write_text(names.hosts_text(address))
        hosts.chmod(0o644)
    if not names.works(launcher):
        raise UsageError(
            "run: names under test cannot be made to resolve for a program here, no namespace is allowed; let the "
            "client resolve them by its own option, with {address} in the command "
            "(curl: `--resolve {host}:{port}:{address}`)"
        )
    return launcher

"""One app's audit: the interceptor's ways in, the app's starts, the contacts, and the verdicts at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pindrill.audits.app import Ending, HookFailed, InterceptorPlace
from pindrill.audits.facts import AppRun, Contact, Destination, Way
from pindrill.audits.forge import Forge
from pindrill.audits.interception import Interceptor, Pump
from pindrill.audits.kept import write_private
from pindrill.audits.schedule import Schedule
from pindrill.audits.verdict import AuditVerdict, judge
from pindrill.interruption import Started, held

_SETTLE_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A way in and where it listens."""

    way: Way
    address: str
    ports: tuple[int, ...] = (0,)
    upstream: tuple[str, int] | None = None
    names: tuple[str, ...] = ()
    """For direct: names that the app finds at `address`."""


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    entries: Sequence[Entry]
    named: tuple[str, ...] = ()
    """Hosts that were asked for; who of them is not contacted is told."""
    seed: int = 0
    most_starts: int = 60
    ca_file: str = ""
    directory: Path


class AppDriver(Protocol):
    def start(self, place: InterceptorPlace, directory: Path) -> Ending: ...
    def finish(self, place: InterceptorPlace) -> None: ...


@dataclass
class Progress:
    """What is known so far, for whoever watches."""

    contacts: list[Contact] = field(default_factory=list)
    runs: list[AppRun] = field(default_factory=list)
    interrupted: bool = False
    trouble: str = ""
    gaps: list[str] = field(default_factory=list)


class Audit:
    """Opens its ways in at once; `place` says where an app finds them. `close` ends every connection."""

    def __init__(
        self,
        request: AuditRequest,
        interceptor: Interceptor,
        forge: Forge,
        *,
        starts: bool,
        emit: Callable[[Contact], None] = lambda contact: None,
        plaintext_directory: Path | None = None,
        output_directory: Path | None = None,
    ) -> None:
        self.request = request
        self.progress = Progress()
        self.schedule = Schedule(per_start=starts, seed=request.seed, chain_known=forge.knows)
        self.ports = [
            (entry, interceptor.listen(entry.way, entry.address, port, entry.upstream))
            for entry in request.entries
            for port in entry.ports
        ]
        self._closed = False
        self._emit = emit
        self._outputs = output_directory
        self._interceptor = interceptor
        self.pump = Pump(interceptor, self.schedule, forge, self._note, plaintext_directory=plaintext_directory)

    @property
    def place(self) -> InterceptorPlace:
        proxy, scheme, names, address = "", "http", [], ""
        for entry, port in self.ports:
            host = f"[{entry.address}]" if ":" in entry.address else entry.address
            if entry.way in ("proxy", "socks") and not proxy:
                proxy, scheme = f"{host}:{port}", "http" if entry.way == "proxy" else "socks5h"
            if entry.names:
                names += [name for name in entry.names if name not in names]
                address = entry.address
        return InterceptorPlace(
            proxy=proxy, scheme=scheme, ca_file=self.request.ca_file, names=tuple(names), address=address
        )

    def drive(self, app: AppDriver, watch: Callable[[], None] = lambda: None) -> None:
        """Starts the app until nothing is left to ask."""
        with Started() as started:
            started.undone_by(self._finish, app)
            try:
                for _ in range(self.request.most_starts):
                    if self._finished() or self.pump.trouble:
                        break
                    self._start(app)
                    watch()
                if not self._finished():
                    self.progress.gaps.append(f"not all was asked in {self.request.most_starts} starts of the app")
            except HookFailed as error:
                self.progress.trouble = str(error)
            except KeyboardInterrupt:
                self.progress.interrupted = True

    def _finish(self, app: AppDriver) -> None:
        try:
            app.finish(self.place)
        except HookFailed as error:
            self.progress.gaps.append(f"the device may not be as it was: {error}")

    def wait(self, seconds: float, watch: Callable[[], None]) -> None:
        """Nobody starts the app: until everything was asked of whoever came, or the time is over, or Ctrl-C."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end and not self.pump.trouble:
                time.sleep(0.2)
                watch()
                with self.pump.lock:
                    done = bool(self.progress.contacts) and self.schedule.finished()
                if done:
                    return
        except KeyboardInterrupt:
            self.progress.interrupted = True

    def close(self) -> None:
        with held():
            if self._closed:
                return
            self._closed = True
            self.pump.close()
            self.progress.trouble = self.progress.trouble or self.pump.trouble
            self.progress.gaps += self.pump.gaps

    def verdicts(self) -> list[AuditVerdict]:
        with self.pump.lock:
            contacts = list(self.progress.contacts)
        if not self._closed:
            contacts += self.pump.open()
        return judge(contacts, runs=self.progress.runs, named=self._named(contacts), trouble=self.progress.trouble)

    def _named(self, contacts: Sequence[Contact]) -> list[Destination]:
        """A host that was asked for without its port is the one that was contacted, on whatever port."""
        seen = {contact.destination.host for contact in contacts}
        port = next((port for entry, port in self.ports if entry.way == "direct"), 443)
        return [Destination(host, port) for host in self.request.named if host not in seen]

    def _finished(self) -> bool:
        with self.pump.lock:
            return self.schedule.finished()

    def _start(self, app: AppDriver) -> None:
        number = self.pump.run = self.schedule.run
        ending = app.start(self.place, self.request.directory)
        self.pump.settle(_SETTLE_S)
        run = AppRun(number=number, ending_at=ending.ending_at, death=ending.death)
        self.progress.runs.append(run)
        if self._outputs:
            write_private(self._outputs / f"start-{number}.txt", ending.output.encode("utf-8", "surrogateescape"))
        with self.pump.lock:
            self.schedule.advance(run)

    def _note(self, contact: Contact) -> None:
        self.progress.contacts.append(contact)
        self._emit(contact)

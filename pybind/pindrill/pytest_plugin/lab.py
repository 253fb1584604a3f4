"""The keys, benches and drills of one pytest process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from pindrill.clients.callable import ClientFunction
from pindrill.drills.bench import Bench
from pindrill.drills.cells import Pinning
from pindrill.drills.drill import Drill, DrillRequest
from pindrill.drills.live import LiveServer
from pindrill.http_response import Respond
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine.directories import run_directory
from pindrill.machine.names import own_address
from pindrill.mint import Mint
from pindrill.model import LEAKS, ResultLine, Target, UsageError, VerdictWord
from pindrill.pytest_plugin.ask import Ask
from pindrill.pytest_plugin.clients import FunctionDriver

_BENCHES = 8


@dataclass
class _Held:
    """A bench is kept for the tests of one client: they share its genuine twins."""

    bench: Bench
    driver: FunctionDriver
    drills: list[tuple[Drill, list[ResultLine]]] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)


class Lab:
    """Made when a test first asks for something of pindrill."""

    def __init__(self, *, keyring: Path | None, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.unwatched: set[str] = set()
        self.late: list[str] = []
        """What leaked after its test was over."""
        self._kept = keyring is not None
        self._mint = Mint(Keyring.open_to_drill(keyring) if keyring else Keyring())
        self._started = Started()
        self._directory = run_directory(self._started).path
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._count = 0

    def drill(self, client: ClientFunction, ask: Ask, *, name: str, key: Hashable, repeat: str) -> list[ResultLine]:
        """`key` tells clients apart: the same key must always be the same client."""
        pinning = self._pinning(ask)
        held = self._bench((key, pinning), pinning)
        if ask in held.asked:  # the test is run again: so is the client
            self._give_up((key, pinning))
            held = self._bench((key, pinning), pinning)
        held.asked.append(ask)
        request = DrillRequest(
            client=name,
            scenarios=ask.scenarios,
            strategies=ask.strategies,
            versions=ask.versions,
            semantics=ask.semantics,
            pinning=pinning,
            repeat_command=lambda _: repeat,
        )
        drill = Drill(held.bench, self._mint, request)
        held.driver.client = client
        try:
            lines = _lines(drill)
        except BaseException:
            # What it was doing is not known: nothing of it may count for a later test.
            self._held.pop((key, pinning)).bench.close()
            raise
        finally:
            held.driver.client = None
        held.drills.append((drill, lines))
        return lines

    def live_server(self, on_target: Callable[[Target, str, Path], object]) -> LiveServer:
        return LiveServer(
            self._mint,
            address=own_address(),
            directory=self._new_directory(),
            deadline_s=self.deadline_s,
            on_target=on_target,
        )

    def look_again(self) -> list[str]:
        """What leaked after its test was over, of all tests so far; told once."""
        for held in self._held.values():
            self._late(held)
        late, self.late = self.late, []
        return late

    def close(self) -> None:
        try:
            for held in self._held.values():
                held.bench.close()
            self._held.clear()
        finally:
            self._started.close()

    def _pinning(self, ask: Ask) -> Pinning:
        if ask.pinned is None:
            return "told"
        if ask.pinned == "none":
            return "none"
        if not self._kept:
            raise UsageError(
                f"pinned='{ask.pinned}' needs the keyring that the compiled-in pins were made from: "
                "--pindrill-keyring DIR, or pindrill_keyring in the ini file"
            )
        return "compiled"

    def _bench(self, key: Hashable, pinning: Pinning) -> _Held:
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        while len(self._held) >= _BENCHES:
            self._give_up(next(iter(self._held)))
        driver = FunctionDriver(told=pinning == "told")
        bench = Bench(
            self._mint,
            driver,
            address=own_address(),
            deadline_s=self.deadline_s,
            respond=Respond(),
            directory=self._new_directory(),
        )
        self.unwatched.update(bench.unwatched)
        self._held[key] = _Held(bench, driver)
        return self._held[key]

    def _give_up(self, key: Hashable) -> None:
        held = self._held.pop(key)
        self._late(held)
        held.bench.close()

    def _late(self, held: _Held) -> None:
        """Judges again what was played: a secret may have arrived since."""
        held.bench.late()
        for drill, before in held.drills:
            earlier = {_key(line): line["verdict"] for line in before}
            for line in _lines(drill):
                if VerdictWord(line["verdict"]) in LEAKS and earlier.get(_key(line)) != line["verdict"]:
                    self.late.append(f"{line['verdict']}: {line['repeat']}: {line['reason']}")
        held.drills.clear()

    def _new_directory(self) -> Path:
        self._count += 1
        path = self._directory / f"client-{self._count}"
        path.mkdir()
        return path


def _lines(drill: Drill) -> list[ResultLine]:
    newest: dict[tuple[str, ...], ResultLine] = {}

    def emit(line: ResultLine, _: int) -> None:
        newest[_key(line)] = {**line, "client_version": "", "known": None}

    if drill.run(emit).interrupted:
        raise KeyboardInterrupt
    done = {(line["scenario"], line["tls"]) for line in newest.values() if not _is_unsupported(line)}
    # A strategy that was probed away says nothing where the client was tested under another.
    return [x for x in newest.values() if not _is_unsupported(x) or (x["scenario"], x["tls"]) not in done]


def _is_unsupported(line: ResultLine) -> bool:
    return bool(line["verdict"] == VerdictWord.UNSUPPORTED)


def _key(line: ResultLine) -> tuple[str, ...]:
    return (line["scenario"], line["strategy"], line["tls"])

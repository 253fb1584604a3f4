"""pindrill from Python: keys, servers and drills of one process.

    with Lab() as lab:
        result = lab.drill(["curl", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}"])
        assert not result.violated, result.text()

The command line, the pytest plugin and rehearsals stand on it: `Lab.bench` is the one place where keys, a client and
servers come together, `drill_on` the one where a drill of them is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from pindrill.clients import Driver
from pindrill.clients.callable import ClientFunction
from pindrill.drills import programs
from pindrill.drills.bench import Bench
from pindrill.drills.drill import Drill, DrillRequest
from pindrill.drills.live import LiveServer
from pindrill.drills.options import DEADLINE_S, WHOLE, DrillOptions, repeat_command
from pindrill.drills.place import RunPlace
from pindrill.drills.proxies import BenchProxy
from pindrill.drills.result import DrillResult, settled
from pindrill.drills.selection import select
from pindrill.drills.subjects import Subject, pinning_of, subject_of
from pindrill.interruption import Started, held
from pindrill.keyring import Keyring
from pindrill.machine.directories import run_directory
from pindrill.machine.names import own_address
from pindrill.mint import Mint
from pindrill.model import STRATEGY, TLS_VERSIONS, Scenario, Semantics, Target, UsageError
from pindrill.results.line import KnownReason, ResultLine

Excuse = Callable[[ResultLine], str | None]
"""Why a result that no client file lists as known is to count as known."""


class Lab:
    """Keys, a directory and servers on loopback addresses of its own; all of it ends when it is closed."""

    def __init__(
        self,
        *,
        keyring: Path | str | None = None,
        deadline_s: float = DEADLINE_S,
        place: RunPlace | None = None,
    ) -> None:
        """`keyring`: a directory of kept keys (`pindrill keyring create`), for clients whose pins are compiled in;
        without one every Lab has new keys. `deadline_s`: for one attempt of a client. `place`: where the names under
        test resolve already, for every program that is started.

        UsageError: there is no such keyring, or it cannot be used."""
        self.keyring = Path(keyring) if keyring is not None else None
        self.deadline_s = deadline_s
        self.keys = Keyring.open_to_drill(self.keyring) if self.keyring else Keyring()
        self._started = Started()
        self._address = place[0] if place else None
        self._directory = place[1] if place else run_directory(self._started).path
        self._servers: list[LiveServer] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        try:
            while self._servers:
                self._servers[-1].close()
        finally:
            self._started.close()

    def drill(
        self,
        client: ClientFunction | Sequence[str] | Path,
        *,
        scenarios: str | Scenario | Sequence[str | Scenario] = "*",
        strategies: str | Sequence[str] | None = None,
        tls: str | Sequence[str] = TLS_VERSIONS,
        semantics: Semantics | None = None,
        pinned: str | None = None,
        jobs: int | None = None,
    ) -> DrillResult:
        """Rehearses interception and rotation on a client.

        `client`: a function that is called with a `Target` for each attempt (returning is accepting, `Refused` and any
        TLS error are refusing, `Unsupported` says that it cannot do this), a command as `pindrill drill -- COMMAND`
        takes it, or the path of a client file. `scenarios`: ids, codes, globs, or scenarios of your own. `strategies`:
        which pins it is told; without any the first that it can express. `semantics`: what it declares to do other
        than RFC 7469. `pinned`: what is compiled into it, `none` or a strategy of this Lab's keyring. `jobs`: cells at
        once; without it one for a function, and one a core for programs.

        UsageError: what is asked for does not exist or does not go together, or the client cannot be run at all."""
        chosen = select(scenarios=scenarios, strategies=strategies, tls=tls, semantics=semantics, pinned=pinned)
        self.refuse_lost_pins(pinned)
        subject = subject_of(client, pinned=pinned, semantics=chosen.semantics)
        asked = DrillOptions(
            scenarios=chosen.scenarios,
            strategies=chosen.strategies,
            versions=chosen.versions,
            pinned=pinned,
            keyring=self.keyring,
            semantics=str(semantics) if semantics else None,
            deadline_s=self.deadline_s,
            jobs=jobs or (1 if callable(client) else os.cpu_count() or 1),
        )
        with Started() as started:
            drill = drill_on(self.bench(started, subject), subject, asked)
            return DrillResult(settled(drill, probed=chosen.strategies is None))

    def server(self) -> LiveServer:
        """A live server for a client that is driven by hand; it is closed with this Lab, or before."""
        with held():
            return LiveServer(
                Mint(self.keys),
                address=own_address(),
                directory=self._new_directory(),
                deadline_s=self.deadline_s,
                opened=self._servers,
            )

    def run(self, command: Sequence[str], target: Target, *, env: Mapping[str, str] | None = None) -> str:
        """Runs a client program for a target that a client function was given, or of a live server, and returns what
        it printed. The command may hold placeholders, and the host name resolves for it. What is not an acceptance is
        raised (`Refused`)."""
        return programs.run(command, target, env=env)

    # --- for the command line, the pytest plugin and rehearsals -----------------------------------------------------

    def bench(
        self, started: Started, subject: Subject, asked: DrillOptions | None = None, *, mint: Mint | None = None
    ) -> Bench:
        """The servers, trust files and secrets of one client; it ends with what was started. `mint`: not from its
        keys."""
        own = self._new_directory()
        # Each watches the usual ports of its address.
        address = self._address or own_address()
        before = () if self._address or subject.resolves_itself else programs.launcher(address, own)
        driver = started.start(partial(subject.make_driver, own, before), _close)
        proxy = BenchProxy(asked.through, address) if asked and asked.through else None
        if proxy:
            driver.go_through(proxy.url)
        bench = Bench(
            mint or Mint(self.keys),
            driver,
            address=address,
            deadline_s=self.deadline_s,
            respond=subject.respond,
            directory=own,
            key_log_file=asked.key_log if asked else None,
            open_server=asked.via.open if asked and asked.via else None,
            proxy=proxy,
        )
        started.undone_by(bench.close)
        return bench

    def refuse_lost_pins(self, pinned: str | None) -> None:
        """UsageError where pins are said to be compiled in, and the keys that they belong to are not here."""
        if pinned in STRATEGY and self.keyring is None:
            raise UsageError(
                f"pinned='{pinned}' needs the keyring that the compiled-in pins were made from: Lab(keyring=DIR), or "
                "with pytest --pindrill-keyring DIR, or pindrill_keyring in the ini file"
            )

    def _new_directory(self) -> Path:
        self._count += 1
        path = self._directory / f"client-{self._count}"
        path.mkdir()
        return path


def drill_on(
    bench: Bench,
    subject: Subject,
    asked: DrillOptions,
    *,
    done: frozenset[tuple[str, str, str, int]] = frozenset(),
    excuse: Excuse | None = None,
) -> Drill:
    """A drill of one client. `done`: cells that an earlier run finished."""
    repeat = repeat_command(subject, asked)

    def annotated(line: ResultLine) -> ResultLine:
        known = next((k for k in subject.known if k.covers(line) and k.verdict == line.verdict), None)
        why = known.reason if known else excuse(line) if excuse else None
        return replace(
            asked.via.told_of(line) if asked.via else line,
            client_version=subject.version,
            known=KnownReason(reason=why, source=known.source if known else "") if why else None,
            shard="" if asked.shard == WHOLE else "{}/{}".format(*asked.shard),
        )

    request = DrillRequest(
        client=subject.name,
        scenarios=asked.scenarios,
        strategies=asked.pinned_strategies,
        versions=asked.versions,
        semantics=subject.semantics,
        pinning=pinning_of(subject, asked.pinned, asked.keyring),
        rounds=asked.rounds,
        jobs=asked.jobs,
        repeat_command=lambda cell: repeat(cell.scenario.id, cell.strategy_name, cell.tls),
        annotated=annotated,
        done=done,
        shard=asked.shard,
    )
    return Drill(bench, request)


def _close(driver: Driver) -> None:
    driver.close()

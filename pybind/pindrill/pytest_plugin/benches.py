"""The benches of one pytest process, each kept for the tests of its client: they share its genuine twins."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import pytest

from pindrill.clients.callable import ClientFunction
from pindrill.drills.bench import Bench
from pindrill.drills.drill import Drill
from pindrill.drills.lab import Lab, drill_on
from pindrill.drills.options import DrillOptions
from pindrill.drills.result import settled
from pindrill.drills.selection import Selection
from pindrill.drills.subjects import Subject, function_subject
from pindrill.interruption import Started
from pindrill.model import LEAKS, RFC7469, Target, Unsupported
from pindrill.results.line import ResultLine

_BENCHES = 8
_CANNOT = (Unsupported, pytest.skip.Exception)


class _RunningTest:
    """Whatever function the running test has: a bench serves many tests."""

    function: ClientFunction | None = None

    def __call__(self, target: Target) -> object:
        if self.function is None:
            raise RuntimeError("the test of this client is over")
        return self.function(target)


@dataclass
class _KeptBench:
    bench: Bench
    client: _RunningTest
    opened: Started
    drills: list[tuple[Drill, bool, tuple[ResultLine, ...]]] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)


class KeptBenches:
    """`unwatched`: where a secret could have gone without being seen."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.unwatched: set[str] = set()
        self._late: list[str] = []
        self._kept: OrderedDict[Hashable, _KeptBench] = OrderedDict()

    def drill(
        self, client: ClientFunction, selection: Selection, *, name: str, key: Hashable, repeat: str
    ) -> list[ResultLine]:
        """`key` tells clients apart: the same key must always be the same client."""
        self._lab.refuse_lost_pins(selection.pinned)
        asked = DrillOptions(
            scenarios=selection.scenarios,
            strategies=selection.strategies,
            versions=selection.versions,
            pinned=selection.pinned,
            keyring=self._lab.keyring,
            deadline_s=self._lab.deadline_s,
            jobs=1,
        )
        key = (key, selection.pinned)
        if key in self._kept and selection in self._kept[key].selections:  # the test is run again: so is the client
            self._give_up(key)
        running = self._kept[key].client if key in self._kept else _RunningTest()
        subject = function_subject(
            running,
            name=name,
            told=selection.pinned is None,
            semantics=selection.semantics or RFC7469,
            repeats=repeat,
            cannot=_CANNOT,
        )
        kept = self._bench(key, running, subject)
        kept.selections.append(selection)
        drill = drill_on(kept.bench, subject, asked)
        probed = selection.strategies is None
        running.function = client
        try:
            lines = settled(drill, probed=probed)
        except BaseException:
            # What it was doing is not known: nothing of it may count for a later test.
            self._kept.pop(key).opened.close()
            raise
        finally:
            running.function = None
        kept.drills.append((drill, probed, lines))
        return list(lines)

    def look_again(self) -> list[str]:
        """What leaked after its test was over, of all tests so far; told once."""
        for kept in self._kept.values():
            self._look_again(kept)
        late, self._late = self._late, []
        return late

    def close(self) -> None:
        while self._kept:
            self._kept.popitem()[1].opened.close()

    def _bench(self, key: Hashable, running: _RunningTest, subject: Subject) -> _KeptBench:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        while len(self._kept) >= _BENCHES:
            self._give_up(next(iter(self._kept)))
        with Started() as started:
            bench = self._lab.bench(started, subject)
            self._kept[key] = _KeptBench(bench, running, started.pop_all())
        self.unwatched.update(bench.unwatched)
        return self._kept[key]

    def _give_up(self, key: Hashable) -> None:
        kept = self._kept.pop(key)
        self._look_again(kept)
        kept.opened.close()

    def _look_again(self, kept: _KeptBench) -> None:
        """Judges again what was played: a secret may have arrived since."""
        kept.bench.late()
        for drill, probed, before in kept.drills:
            earlier = {_key(line): line.verdict for line in before}
            for line in settled(drill, probed=probed):
                if line.verdict in LEAKS and earlier.get(_key(line)) != line.verdict:
                    self._late.append(f"{line.verdict}: {line.repeat}: {line.reason}")
        kept.drills.clear()


def _key(line: ResultLine) -> tuple[str, ...]:
    return (line.scenario, line.strategy, line.tls)

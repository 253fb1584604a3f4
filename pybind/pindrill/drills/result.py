"""What a drill from Python comes to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from pindrill.drills.drill import Drill
from pindrill.model import UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.text import print_cells
from pindrill.results.line import ResultLine

_WIDTH = 110


@dataclass(frozen=True)
class DrillResult:
    """A result line for every cell: one scenario under one pin strategy and one TLS version.

    A client is as it should be where nothing is `violated` and nothing is `unjudged`; a deviation that its client file
    lists as known counts as neither.
    """

    lines: tuple[ResultLine, ...]
    """What `pindrill drill --json` writes (`result.schema.json`), field by field."""

    @property
    def violated(self) -> tuple[ResultLine, ...]:
        """The client let itself be intercepted, or locked its users out."""
        return tuple(line for line in self._unknown() if line.verdict in VIOLATIONS)

    @property
    def unjudged(self) -> tuple[ResultLine, ...]:
        """Nothing can be said: no pass, and no accusation."""
        return tuple(line for line in self._unknown() if line.verdict in UNJUDGED)

    def text(self) -> str:
        """The evidence for whatever did not pass, for people."""
        return evidence([line for line in self.lines if line.verdict is not VerdictWord.PASS])

    def _unknown(self) -> Sequence[ResultLine]:
        return [line for line in self.lines if not line.known]


def evidence(lines: Sequence[ResultLine]) -> str:
    written = io.StringIO()
    print_cells(Console(file=written, width=_WIDTH, color_system=None), lines)
    return written.getvalue().rstrip()


def settled(drill: Drill, *, probed: bool) -> tuple[ResultLine, ...]:
    """Runs it; the newest line of each cell. `probed`: the strategy was found by trial; one that was not chosen says
    nothing where the client was drilled under another."""
    newest: dict[tuple[str, ...], ResultLine] = {}

    def emit(line: ResultLine, _: int) -> None:
        newest[line.scenario, line.strategy, line.tls] = line

    if drill.run(emit).interrupted:
        raise KeyboardInterrupt
    if not probed:
        return tuple(newest.values())
    done = {(line.scenario, line.tls) for line in newest.values() if not _is_unsupported(line)}
    return tuple(x for x in newest.values() if not _is_unsupported(x) or (x.scenario, x.tls) not in done)


def _is_unsupported(line: ResultLine) -> bool:
    return line.verdict is VerdictWord.UNSUPPORTED

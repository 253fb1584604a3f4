"""What an earlier run said, held against what is asked now: cells that are finished, deviations that are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pindrill.clients.client_file import Known
from pindrill.model import UNJUDGED, UsageError, VerdictWord
from pindrill.results.line import ResultLine
from pindrill.results.newest import latest

_MOST_CELLS = 6


@dataclass(frozen=True, kw_only=True)
class SameQuestion:
    """What has to be the same for a verdict to be taken over."""

    client: str
    repeat: Callable[[str, str, str], str]
    """The command that repeats a cell, of its scenario, strategy and TLS version."""
    semantics: str
    version: str
    """The version line of the client."""
    pindrill: str
    pins: Sequence[str] | None
    """That the client has from its keyring."""


def finished(lines: Sequence[ResultLine], asked: SameQuestion) -> frozenset[tuple[str, str, str, int]]:
    """The client's cells that need not be run again; UsageError where they were asked for otherwise."""
    mine = [line for line in lines if line.client == asked.client]
    for line in mine:
        pairs = (
            ("by", line.repeat, asked.repeat(line.scenario, line.strategy, line.tls)),
            ("with the semantics", line.semantics, asked.semantics),
            ("on the version", line.client_version, asked.version),
            ("by pindrill", line.pindrill, asked.pindrill),
            ("with the pins", line.pins, line.pins and tuple(asked.pins or line.pins)),
        )
        if different := [pair for pair in pairs if pair[1] != pair[2]]:
            what, was, is_ = different[0]
            raise UsageError(
                f"--resume: {line.code} of {asked.client} was run {what}\n  {was}\nand not {what}\n  {is_}\n"
                "They do not go together: name another --json file"
            )
    return frozenset((line.scenario, line.strategy, line.tls, line.round) for line in mine)


def stale(client: str, listed: Sequence[Known], lines: Sequence[ResultLine]) -> list[str]:
    """Listed deviations that no longer happen, in whichever of the cells that were run."""
    found = []
    # What could not be judged is told as that, and a pass in which nothing was tried says nothing of it (T17).
    told_apart = {*UNJUDGED, VerdictWord.UNSUPPORTED}
    judged = [line for line in latest(lines) if line.verdict not in told_apart and not line.vacuous]
    for known in listed:
        covered = [line for line in judged if known.covers(line)]
        gone = [line for line in covered if not any(k.covers(line) and k.verdict == line.verdict for k in listed)]
        if gone:
            where = "" if len(gone) == len(covered) else f" in {_cells(gone)}"
            listed_as = f"{', '.join(known.scenarios)} is listed as a known {known.verdict}"
            found.append(f"{client}: {listed_as}, but did not happen{where}")
    return found


def _cells(lines: Sequence[ResultLine]) -> str:
    shown = ", ".join(f"{line.code} TLS {line.tls} {line.strategy}" for line in lines[:_MOST_CELLS])
    return shown + (f" and {len(lines) - _MOST_CELLS} more cells" if len(lines) > _MOST_CELLS else "")

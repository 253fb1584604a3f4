"""Drills of several clients, one after the other: where they run, what is told meanwhile, what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pindrill.drills.drill import Drill
from pindrill.drills.lab import Excuse, Lab, drill_on
from pindrill.drills.options import WHOLE, DrillOptions, repeat_command
from pindrill.drills.place import RunPlace
from pindrill.drills.subjects import Subject
from pindrill.interruption import Started
from pindrill.keyring import VERSIONS
from pindrill.mint import Mint
from pindrill.model import (
    STRATEGY,
    UNJUDGED,
    VIOLATIONS,
    PinsOf,
    VerdictWord,
)
from pindrill.reports.complaint import complain
from pindrill.reports.plain import harmless
from pindrill.reports.terminal import say
from pindrill.results.earlier import SameQuestion, finished, stale
from pindrill.results.file import ResultFile
from pindrill.results.line import ResultLine


@dataclass
class Tally:
    """What the results of all clients come to."""

    lines: list[ResultLine] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    interrupted: bool = False


def drill_all(
    subjects: Sequence[Subject],
    asked: DrillOptions,
    place: RunPlace,
    results: ResultFile | None,
    excuse: Excuse | None = None,
) -> Tally:
    tally = Tally(lines=list(results.earlier) if results else [])
    with Started() as opened:
        lab = opened.start(lambda: Lab(keyring=asked.keyring, deadline_s=asked.deadline_s, place=place), Lab.close)
        kept = asked.pinned in STRATEGY and asked.keyring
        pins = Mint(lab.keys).pins(STRATEGY[asked.pinned or ""], PinsOf()) if kept else None
        done = {subject.name: finished(tally.lines, _question(subject, asked, pins)) for subject in subjects}
        for subject in subjects:
            with Started() as started:
                bench = lab.bench(started, subject, asked)
                drill = drill_on(bench, subject, asked, done=done[subject.name], excuse=excuse)
                _run(drill, subject, tally, results, asked)
            if tally.interrupted:
                break
    return tally


def _run(drill: Drill, subject: Subject, tally: Tally, results: ResultFile | None, asked: DrillOptions) -> None:
    console = Console(stderr=True)
    mine: list[ResultLine] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(subject.name, total=None)

        def emit(line: ResultLine, total: int) -> None:
            mine.append(line)
            tally.lines.append(line)
            if results:
                results.append(line)
            progress.update(bar, total=total, advance=1)

        verdicts = drill.run(emit)
    tally.interrupted = verdicts.interrupted
    # A part of the cells cannot tell what never happens: `pindrill merge` does.
    tally.stale += stale(subject.name, subject.known, mine) if asked.shard == WHOLE and not verdicts.interrupted else []
    if not console.is_terminal:
        say(console, f"Drilled {harmless(subject.name)}: {len(mine)} cells")


def exit_code_of(lines: Sequence[ResultLine], tally: Tally) -> int:
    words = {line.verdict for line in lines if not line.known}
    if words & VIOLATIONS or tally.stale:
        return 1
    return 3 if words & UNJUDGED or tally.interrupted or not lines or wholly_unsupported(lines) else 0


def exit_code_with(troubles: Iterable[str], code: int) -> int:
    """Says what could not be written; a run without its results is no success."""
    found = [trouble for trouble in troubles if trouble]
    for trouble in found:
        complain(trouble)
    return code or (3 if found else 0)


def wholly_unsupported(lines: Sequence[ResultLine]) -> set[str]:
    """Clients of which nothing was judged; a part of a run cannot tell."""
    able = {line.client for line in lines if line.verdict is not VerdictWord.UNSUPPORTED or line.shard}
    return {line.client for line in lines} - able


def _question(subject: Subject, asked: DrillOptions, compiled: Sequence[str] | None) -> SameQuestion:
    """`compiled`: the pins that the client has from its keyring."""
    return SameQuestion(
        client=subject.name,
        repeat=repeat_command(subject, asked),
        semantics=str(subject.semantics),
        version=subject.version,
        pindrill=VERSIONS[0],
        pins=compiled,
    )

"""A whole drill: run where the names resolve, written to files and told in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pindrill.drills.drilling import drill_all, exit_code_of, exit_code_with
from pindrill.drills.options import DrillOptions
from pindrill.drills.place import RunPlace
from pindrill.drills.subjects import Subject
from pindrill.interruption import Started
from pindrill.machine.outputs import written
from pindrill.mitm.install import find as find_mitmdump
from pindrill.mitm.servers import MitmServers
from pindrill.mitm.via import print_misled
from pindrill.reports import junit, text
from pindrill.reports.run import Run
from pindrill.reports.terminal import standard_console
from pindrill.results.file import ResultFile
from pindrill.results.newest import latest


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Files that are written; `resume`: the finished cells of `json` are kept."""

    json: Path | None
    junit: Path | None
    resume: bool


def drill_and_report(
    subjects: Sequence[Subject],
    asked: DrillOptions,
    place: RunPlace,
    outputs: Outputs,
    *,
    via_mitmproxy: bool = False,
    mitmdump: Path | None = None,
) -> int:
    """The exit code. `mitmdump`: which one, if not the usual."""
    with Started() as started:
        if via_mitmproxy:
            found = find_mitmdump(mitmdump)
            asked = replace(asked, via=started.start(lambda: MitmServers(found), MitmServers.close))
        path = outputs.json
        results = started.start(lambda: ResultFile(path, resume=outputs.resume), ResultFile.close) if path else None
        tally = drill_all(subjects, asked, place, results)
    lines = latest(tally.lines)
    troubles = [written(outputs.junit, junit.render(Run(lines=lines)))] if outputs.junit else []
    troubles += [results.trouble] if results else []
    text.print_report(standard_console(), lines, tally.stale, tally.interrupted)
    print_misled(asked.via.told if asked.via else None)
    return exit_code_with(troubles, exit_code_of(lines, tally))

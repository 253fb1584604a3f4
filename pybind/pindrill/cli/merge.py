"""`pindrill merge`: the parts of a drill, run with --shard, become one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from pindrill.clients.client_file import read_client_file
from pindrill.drills.drilling import Tally, exit_code_of, exit_code_with
from pindrill.machine.outputs import refuse_unwritable, written
from pindrill.model import UsageError
from pindrill.reports import junit, text
from pindrill.reports.complaint import complain
from pindrill.reports.run import Run
from pindrill.reports.terminal import standard_console
from pindrill.results.earlier import stale
from pindrill.results.shards import missing_parts, write_whole
from pindrill.results.stored import read_stored


def merge(
    results: Annotated[list[Path], typer.Argument(help="The --json files of all parts.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the whole run here.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file here.")] = None,
    client: Annotated[
        list[Path] | None, typer.Option(help="A client file: are its known deviations still there? Repeatable.")
    ] = None,
) -> None:
    """Join the parts of a drill. The report and the exit code are those of the whole run; a missing part is told."""
    if json_file and any(json_file.exists() and json_file.samefile(part) for part in results if part.exists()):
        raise UsageError(f"--json {json_file}: is one of the parts; name another file")
    if junit_file:
        refuse_unwritable(junit_file)
    stored = read_stored(results)
    if stored.findings:
        raise UsageError(f"{results[0]}: lint findings are no part of a drill; give the --json files of its shards")
    missing = missing_parts(stored)
    lines = [replace(line, shard="") for line in stored]
    tally = Tally(lines=lines, interrupted=bool(missing))
    for path in client or ():
        file = read_client_file(path)
        tally.stale += stale(file.name, file.known, [line for line in lines if line.client == file.name])
    troubles = [write_whole(stored, json_file)] if json_file else []
    troubles += [written(junit_file, junit.render(Run(lines=lines)))] if junit_file else []
    text.print_report(standard_console(), lines, tally.stale, False)
    for gap in missing:
        complain(gap)
    raise typer.Exit(exit_code_with(troubles, exit_code_of(lines, tally)))

"""`pindrill report` and `pindrill compare`: reports from stored runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from pindrill import scenarios
from pindrill.keyring import VERSIONS
from pindrill.model import UsageError
from pindrill.reports import compare as comparison
from pindrill.reports.formats import FORMATS
from pindrill.reports.run import Run
from pindrill.results.stored import read_stored


def report(
    results: Annotated[list[Path], typer.Argument(help="Results files of `pindrill drill --json`, in order.")],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar=f"[{'|'.join(FORMATS)}]",
            autocompletion=lambda: list(FORMATS),
            help="What to make.",
        ),
    ] = "text",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here. Default: standard output.")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="CLIENT=PATH: the file that alerts on this client point to; default: its client file."),
    ] = None,
) -> None:
    """Make a report from stored results. Later files supersede cells of earlier ones; lint lines may be among them."""
    if format_ not in FORMATS:
        raise UsageError(f"--format is {', '.join(FORMATS)}, not '{format_}'")
    format_of = FORMATS[format_]
    given = dict(_read_file(each) for each in file or ())
    terminal = output is None and sys.stdout.isatty()
    if terminal and not format_of.for_terminals:
        raise UsageError(f"a report in the format {format_} on a terminal is of no use: give -o FILE")
    run = _run(results, given, terminal=terminal)
    if run.findings and not format_of.shows_findings:
        showing = ", ".join(name for name, each in FORMATS.items() if each.shows_findings)
        raise UsageError(
            f"{results[0]}: lint findings have no place in the format {format_}; these show them: {showing}"
        )
    _write(format_of.render(run), output)
    if format_of.summary and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        _append(format_of.summary(run), Path(summary))


def compare(
    before: Annotated[Path, typer.Argument(help="Results of the earlier run.")],
    after: Annotated[Path, typer.Argument(help="Results of the later run.")],
) -> None:
    """What changed between two runs. Exit code 1 when something got worse, 3 when something is no longer known."""
    found = comparison.compare(read_stored([before]), read_stored([after]))
    _write(comparison.render(found), None)
    raise typer.Exit(found.exit_code)


def _run(results: Sequence[Path], given_files: dict[str, str], *, terminal: bool) -> Run:
    stored = read_stored(results)
    return Run(
        lines=stored,
        findings=stored.findings,
        pindrill=VERSIONS[0],
        given_files=given_files,
        root=PurePosixPath(Path.cwd()),
        references={scenario.id: scenario.references for scenario in scenarios.CATALOGUE},
        terminal=terminal,
    )


def _read_file(assignment: str) -> tuple[str, str]:
    client, equals, path = assignment.rpartition("=")
    if not equals or not client or not path:
        raise UsageError(f"--file takes CLIENT=PATH, not '{assignment}'")
    return client, path


def _write(made: str | bytes, output: Path | None) -> None:
    content = made.encode() if isinstance(made, str) else made
    if output is None:
        if isinstance(made, str):
            sys.stdout.write(made)
        else:
            sys.stdout.buffer.write(made)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error


def _append(made: str, path: Path) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(made)
    except OSError as error:
        raise UsageError(f"GITHUB_STEP_SUMMARY={path}: cannot be written: {error.strerror}") from error

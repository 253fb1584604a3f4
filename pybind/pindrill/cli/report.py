"""`pindrill report` and `pindrill compare`: reports from stored runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from msgspec.structs import replace
from rich.console import Console

from pindrill import scenarios
from pindrill.keyring import VERSIONS
from pindrill.model import VIOLATIONS, UsageError
from pindrill.reports import compare as comparison
from pindrill.reports import github, html, junit, markdown, sarif, text
from pindrill.reports.overview import overview
from pindrill.results.line import ResultLine
from pindrill.results.stored import Stored, read_stored


class ReportFormat(StrEnum):
    HTML = "html"
    JUNIT = "junit"
    SARIF = "sarif"
    MARKDOWN = "markdown"
    GITHUB = "github"
    TEXT = "text"


def report(
    results: Annotated[list[Path], typer.Argument(help="Results files of `pindrill drill --json`, in order.")],
    format_: Annotated[ReportFormat, typer.Option("--format", "-f", help="What to make.")] = ReportFormat.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here. Default: standard output.")] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(help="CLIENT=PATH: the file that alerts on this client point to; default: its client file."),
    ] = None,
) -> None:
    """Make a report from stored results. Later files supersede cells of earlier ones; lint lines may be among them."""
    given = dict(_read_file(each) for each in file or ())
    if format_ is ReportFormat.HTML and output is None and sys.stdout.isatty():
        raise UsageError("an HTML report on a terminal is of no use: give -o FILE")
    stored = read_stored(results)
    if stored.findings and format_ in (ReportFormat.JUNIT, ReportFormat.TEXT):
        raise UsageError(
            f"{results[0]}: lint findings have no place in the format {format_}; "
            "html, sarif, markdown and github show them"
        )
    _write(_made(stored, format_, given, output), output)
    if format_ is ReportFormat.GITHUB and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        made = github.limited_summary(markdown.render(overview(stored), stored.findings))
        _append(made, Path(summary))


def compare(
    before: Annotated[Path, typer.Argument(help="Results of the earlier run.")],
    after: Annotated[Path, typer.Argument(help="Results of the later run.")],
) -> None:
    """What changed between two runs. Exit code 1 when something got worse, 3 when something is no longer known."""
    found = comparison.compare(read_stored([before]), read_stored([after]))
    _write(comparison.render(found), None)
    raise typer.Exit(found.exit_code)


def _made(stored: Stored, format_: ReportFormat, given: Mapping[str, str], output: Path | None) -> str:
    root = PurePosixPath(Path.cwd())
    match format_:
        case ReportFormat.HTML:
            references = {scenario.id: scenario.references for scenario in scenarios.CATALOGUE}
            return html.render(stored, references=references, findings=stored.findings)
        case ReportFormat.JUNIT:
            return junit.render(stored)
        case ReportFormat.SARIF:
            return sarif.render(
                stored,
                version=VERSIONS[0],
                findings=stored.findings,
                file_of=_files(stored, given),
                root=root,
            )
        case ReportFormat.MARKDOWN:
            return markdown.render(overview(stored), stored.findings)
        case ReportFormat.GITHUB:
            files = _files(stored, given)
            return github.render(overview(stored), findings=stored.findings, file_of=files, root=root)
        case ReportFormat.TEXT:
            to_terminal = output is None and sys.stdout.isatty()
            console = Console(width=None if to_terminal else 120, force_terminal=to_terminal)
            with console.capture() as captured:
                text.print_report(console, [_without_unused(line) for line in stored], (), False)
            return captured.get()


def _without_unused(line: ResultLine) -> ResultLine:
    """The text report tells the stages of violations only; 100,000 lines with all of theirs do not fit into memory."""
    return line if line.verdict in VIOLATIONS else replace(line, stages=())


def _read_file(assignment: str) -> tuple[str, str]:
    client, equals, path = assignment.rpartition("=")
    if not equals or not client or not path:
        raise UsageError(f"--file takes CLIENT=PATH, not '{assignment}'")
    return client, path


def _files(lines: Sequence[ResultLine], given: Mapping[str, str]) -> dict[str, str]:
    """The file of each client that has one."""
    found: dict[str, str] = {}
    for line in lines:
        if line.client not in found and (path := _client_file(line.repeat)):
            found[line.client] = path
    return {**found, **given}


def _client_file(repeat: str) -> str | None:
    """The client file that the command to repeat a cell names."""
    try:
        parts = shlex.split(repeat)
    except ValueError:
        return None
    options = parts[: parts.index("--")] if "--" in parts else parts
    return next((value for name, value in pairwise(options) if name == "--client"), None)


def _write(made: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(made)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(made, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from error


def _append(made: str, path: Path) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(made)
    except OSError as error:
        raise UsageError(f"GITHUB_STEP_SUMMARY={path}: cannot be written: {error.strerror}") from error

"""Workflow commands of GitHub Actions: annotations in the pull request. The step summary is the Markdown report."""

from __future__ import annotations

from collections.abc import Sequence

from pindrill.reports import markdown
from pindrill.reports.overview import ClientProblems, by_client
from pindrill.reports.plain import counted, relative
from pindrill.reports.run import Run
from pindrill.reports.tame import harmless_line
from pindrill.reports.words import ADVICE, MEANING

MOST_A_LEVEL = 10
"""GitHub shows ten annotations of a level and step; the last one then says how many more there are."""
MOST_SUMMARY_BYTES = 1_000_000
"""GitHub refuses a step summary of more than 1 MiB."""
_COMMAND = {"error": "error", "warning": "warning", "info": "notice"}


def render(run: Run) -> str:
    whole = run.overview
    levels: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for finding in map(harmless_line, run.findings):
        level = _COMMAND[finding.severity]
        fix = f"Fix: {finding.fix}" if finding.fix else ""
        message = "\n".join(part for part in (finding.message, finding.effect, fix) if part)
        file = relative(finding.file, run.root)
        levels[level].append(_command(level, message, f"pins/{finding.rule}", file, finding.line))
    for level, problems in (("error", whole.problems), ("warning", whole.unjudged)):
        for group in by_client(problems, whole.clients):
            given = run.file_of.get(group.client)
            place = relative(given, run.root) if given else None
            levels[level].append(_command(level, _message(group), f"{group.client}: {group.verdict}", place, None))
    return "".join(line for level, commands in levels.items() for line in _limited(level, commands))


def summary(run: Run) -> str:
    return limited(markdown.render(run))


def limited(text: str) -> str:
    if len(text.encode()) <= MOST_SUMMARY_BYTES:
        return text
    cut = text.encode()[:MOST_SUMMARY_BYTES].decode(errors="ignore")
    return cut.rpartition("\n\n")[0] + "\n\nThe rest is left out: a step summary may not be longer.\n"


def _message(group: ClientProblems) -> str:
    codes = ", ".join(dict.fromkeys(each.code for each in group.problems))
    first = group.problems[0]
    return (
        f"{MEANING[group.verdict]}: {codes} ({counted(group.cells, 'cell')}).\n{first.code}: {first.reason}\n"
        f"Do: {ADVICE[group.verdict]}\nRepeat: {first.repeat}"
    )


def _limited(level: str, commands: Sequence[str]) -> list[str]:
    if len(commands) <= MOST_A_LEVEL:
        return list(commands)
    rest = len(commands) - MOST_A_LEVEL + 1
    more = _command(level, f"and {rest} more: see the step summary", "pindrill", None, None)
    return [*commands[: MOST_A_LEVEL - 1], more]


def _command(level: str, message: str, title: str, file: str | None, line: int | None) -> str:
    properties = {"file": file, "line": line if file and line else None, "title": title}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    return f"::{level} {given}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

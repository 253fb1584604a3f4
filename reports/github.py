"""Workflow commands of GitHub Actions: annotations in the pull request. The step summary is the Markdown report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from pindrill.reports.overview import ClientProblems, Overview, by_client
from pindrill.reports.plain import counted, relative
from pindrill.reports.tame import harmless_line
from pindrill.reports.words import ADVICE, MEANING
from pindrill.results.finding import FindingLine

MOST_A_LEVEL = 10
"""GitHub shows ten annotations of a level and step; the last one then says how many more there are."""
MOST_SUMMARY_BYTES = 1_000_000
"""GitHub refuses a step summary of more than 1 MiB."""
_COMMAND = {"error": "error", "warning": "warning", "info": "notice"}


def render(
    whole: Overview,
    *,
    findings: Sequence[FindingLine] = (),
    file_of: Mapping[str, str] | None = None,
    root: PurePosixPath | None = None,
) -> str:
    """`file_of`: the file that annotations of a client point to, by its name. Paths become relative to `root`."""
    levels: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for finding in map(harmless_line, findings):
        level = _COMMAND[finding.severity]
        fix = f"Fix: {finding.fix}" if finding.fix else ""
        message = "\n".join(part for part in (finding.message, finding.effect, fix) if part)
        file = relative(finding.file, root)
        levels[level].append(_command(level, message, f"pins/{finding.rule}", file, finding.line))
    for level, problems in (("error", whole.problems), ("warning", whole.unjudged)):
        for group in by_client(problems, whole.clients):
            given = (file_of or {}).get(group.client)
            place = relative(given, root) if given else None
            levels[level].append(_command(level, _message(group), f"{group.client}: {group.verdict}", place, None))
    return "".join(line for level, commands in levels.items() for line in _limited(level, commands))


def limited_summary(markdown: str) -> str:
    if len(markdown.encode()) <= MOST_SUMMARY_BYTES:
        return markdown
    cut = markdown.encode()[:MOST_SUMMARY_BYTES].decode(errors="ignore")
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

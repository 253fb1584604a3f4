"""The Markdown report: for a pull request's comment, a step summary, a wiki page."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from pindrill.reports.overview import Overview, Problem, by_client
from pindrill.reports.plain import counted, harmless, opened, told
from pindrill.reports.run import Run
from pindrill.reports.tame import harmless_line
from pindrill.reports.words import ADVICE, MEANING
from pindrill.results.finding import FindingLine

MOST_GROUPS = 40
MOST_FINDINGS = 100
_SIGN = {"broken": "❌", "unclear": "⚠️", "known": "☑️", "held": "✅", "empty": "⚠️"}
_SEVERITY = {"error": "❌", "warning": "⚠️", "info": "i"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>#!|~&])")


def render(run: Run) -> str:
    whole = run.overview
    parts = []
    if whole.cells or not run.findings:
        parts += [f"## {_SIGN[whole.state]} {whole.headline}", whole.sentence]
    parts += [f"Not run: {text(why)}" for why in whole.unable]
    parts += [f"Not watched for downgrades: {text(gap)}" for gap in whole.unwatched]
    parts += _groups("What broke, and what to do", whole.problems, whole)
    parts += _findings([harmless_line(each) for each in run.findings])
    parts += _groups("Not judged", whole.unjudged, whole)
    parts += _groups("Known deviations", whole.known, whole)
    return "\n\n".join(parts) + "\n"


def _groups(title: str, problems: Sequence[Problem], whole: Overview) -> list[str]:
    if not problems:
        return []
    groups = by_client(problems, whole.clients)
    rows = ["| client | verdict | scenarios | what to do |", "|---|---|---|---|"]
    for group in groups[:MOST_GROUPS]:
        codes = ", ".join(dict.fromkeys(text(each.code) for each in group.problems))
        first = group.problems[0]
        do = f"known: {first.known}" if first.known else ADVICE[group.verdict]
        rows.append(
            f"| {text(group.client)} | **{group.verdict}**: {MEANING[group.verdict]} "
            f"| {codes} ({counted(group.cells, 'cell')}) | {text(do)} |"
        )
    more = [f"And {counted(len(groups) - MOST_GROUPS, 'more row')}."] if len(groups) > MOST_GROUPS else []
    repeats = ["\n\n".join(_story(group.problems[0]) for group in groups[:MOST_GROUPS])]
    return [f"### {title}", "\n".join(rows), *more, *repeats]


def _story(problem: Problem) -> str:
    versions = " and ".join(problem.versions)
    # Up to the empty line this is HTML, behind it Markdown.
    title = _mention_nobody(html.escape(f"{problem.client}: {problem.code} {problem.scenario}, TLS {versions}"))
    why = f"{problem.verdict}: {text(problem.reason)}"
    parts = (
        f"<details><summary>{title}</summary>",
        paragraph(problem.summary),
        why,
        code_block(problem.repeat),
        "</details>",
    )
    return "\n\n".join(parts)


def _findings(findings: Sequence[FindingLine]) -> list[str]:
    if not findings:
        return []
    rows = ["| | where | rule | what | what to do |", "|---|---|---|---|---|"]
    for each in findings[:MOST_FINDINGS]:
        where = f"{each.file}:{each.line}" if each.line else each.file
        what = " ".join(part for part in (each.message, each.effect) if part)
        rows.append(
            f"| {_SEVERITY[each.severity]} {each.severity} | {text(where)} | {text(each.rule)} "
            f"| {text(what)} | {text(each.fix)} |"
        )
    more = [f"And {counted(len(findings) - MOST_FINDINGS, 'more finding')}."] if len(findings) > MOST_FINDINGS else []
    return ["### Pin files", "\n".join(rows), *more]


def text(value: str) -> str:
    """As plain text on one line: nothing in it is markup, a link, a mention or the end of a table cell."""
    return _mention_nobody(_SPECIAL.sub(r"\\\1", harmless(value)).replace("\ufffd", " "))


def paragraph(value: str) -> str:
    """As `text`, where it begins a line: some CIs take what begins a line of their log for a command."""
    shown = text(value)
    return shown if opened(shown) == shown else "\u200b" + shown


def _mention_nobody(value: str) -> str:
    return value.replace("@", "@\u200b")


def code_block(value: str) -> str:
    longest = max((len(run) for run in re.findall("`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{told(value)}\n{fence}"

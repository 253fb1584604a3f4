"""An audit as one HTML file, without a script and without anything to fetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pindrill.reports.audit_words import ADVICE, CONDITION, MEANING, TESTS, TITLE, WRONG, kind
from pindrill.reports.page import Pages
from pindrill.reports.plain import counted, harmless
from pindrill.reports.tame import harmless_line
from pindrill.results.audit_line import AuditLine

_PAGES = Pages("pindrill.reports")
_STYLES = ("report.css", "audit.css")


@dataclass(frozen=True)
class AppSection:
    name: str
    lines: Sequence[AuditLine]
    """The most alarming first."""
    counts: Mapping[str, int]


def render(lines: Sequence[AuditLine], *, gaps: Sequence[str] = ()) -> str:
    """`gaps`: what could not be asked, and why. A later line of a destination takes the place of an earlier one."""
    newest = [harmless_line(line) for line in {(line.app, line.destination): line for line in lines}.values()]
    return _PAGES.render(
        "audit.html",
        style="".join(_PAGES.text(name) for name in _STYLES),
        apps=_apps(newest),
        headline=_headline(newest),
        state=_state(newest),
        counts=_counted_words(newest),
        destinations=len(newest),
        versions=sorted({line.pindrill for line in newest}),
        gaps=harmless(list(gaps)),
        meaning=MEANING,
        advice=ADVICE,
        title=TITLE,
        tests=TESTS,
        condition=CONDITION,
        kind=kind,
    )


def _apps(lines: Sequence[AuditLine]) -> list[AppSection]:
    names = sorted({line.app for line in lines})
    apps = []
    for name in names:
        mine = sorted((line for line in lines if line.app == name), key=_alarm)
        apps.append(AppSection(name, mine, _counted_words(mine)))
    return apps


def _alarm(line: AuditLine) -> tuple[int, str]:
    return tuple(MEANING).index(line.verdict), line.destination


def _counted_words(lines: Sequence[AuditLine]) -> dict[str, int]:
    counts = Counter(line.verdict for line in lines)
    return {word: counts[word] for word in MEANING if counts[word]}


def _headline(lines: Sequence[AuditLine]) -> str:
    contacted = [line for line in lines if line.verdict != "not-contacted"]
    wrong = [line for line in contacted if line.verdict in WRONG]
    if wrong:
        verb = "lets" if len(wrong) == 1 else "let"
        return f"{len(wrong):,} of {counted(len(contacted), 'destination')} {verb} an interceptor read data"
    if not contacted:
        return "No destination was contacted"
    if all(line.verdict == "pinned" for line in contacted):
        return f"{'All ' if len(contacted) > 1 else ''}{counted(len(contacted), 'destination')} pinned"
    return "Nothing was read, but not every destination could be judged"


def _state(lines: Sequence[AuditLine]) -> str:
    kinds = {kind(line.verdict) for line in lines}
    if "wrong" in kinds:
        return "broken"
    return "unclear" if "unclear" in kinds or not kinds else "held"

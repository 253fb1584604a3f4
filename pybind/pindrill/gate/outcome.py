"""What the checks of a gate come to: one answer, one sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pindrill.gate.gate_file import ExpectedFinding
from pindrill.model import PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.pinfiles import LintFinding, Severity
from pindrill.preflight import Status
from pindrill.reports.plain import counted, harmless
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine

_ORDER = tuple(Severity)
PLAN_VIOLATED, PLAN_UNKNOWN = "plan-violated", "plan-unknown"
_UNSAID = frozenset({PLAN_UNKNOWN, *(f"preflight-{status.value}" for status in (Status.DIFFERS, Status.UNKNOWN))})
"""Rules that say that nothing can be said: neither a pass nor a violation."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An earlier run of the gate: what it found is not new."""

    name: str
    findings: Sequence[FindingLine]
    verdicts: dict[tuple[str, ...], VerdictWord]

    def has(self, finding: LintFinding) -> bool:
        return any(_steady(finding) == _steady(line) for line in self.findings)

    def excuse(self, line: ResultLine) -> str | None:
        """The same violation, or a worse one, stood there; or it could not be judged then either."""
        before, now = self.verdicts.get(cell(line)), line.verdict
        same = (
            (before in UNJUDGED)
            if now in UNJUDGED
            else now in VIOLATIONS and before in VIOLATIONS and PRECEDENCE.index(before) <= PRECEDENCE.index(now)
        )
        return f"not new: it stands in {self.name}" if same else None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Of pin files and preflight. Expected ones stay visible, as information."""

    all: tuple[LintFinding, ...]
    failing: tuple[LintFinding, ...]
    unsaid: tuple[LintFinding, ...]
    stale: tuple[str, ...]


def cell(line: ResultLine) -> tuple[str, ...]:
    return (line.client, line.scenario, line.strategy, line.tls)


def sort_findings(
    found: Sequence[LintFinding], expected: Sequence[ExpectedFinding], fail_on: Severity, baseline: Baseline | None
) -> Findings:
    shown, failing, unsaid = [], [], []
    happened: set[ExpectedFinding] = set()
    for finding in found:
        covering = [entry for entry in expected if entry.covers(finding)]
        happened.update(covering)
        if covering:
            shown.append(_excused(finding, f"expected: {covering[0].reason}"))
        elif baseline and baseline.has(finding):
            shown.append(_excused(finding, f"not new: it stands in {baseline.name}"))
        else:
            shown.append(finding)
            if finding.rule in _UNSAID:
                unsaid.append(finding)
            elif _ORDER.index(finding.severity) <= _ORDER.index(fail_on):
                failing.append(finding)
    stale = [
        f"the finding {entry.rule}{f' in {entry.file}' if entry.file else ''} is expected, but was not found"
        for entry in expected
        if entry not in happened
    ]
    return Findings(all=tuple(shown), failing=tuple(failing), unsaid=tuple(unsaid), stale=tuple(stale))


def exit_code(findings: Findings, drilled: int | None) -> int:
    """`drilled`: what the drill alone came to; None: no client."""
    if findings.failing or findings.stale or drilled == 1:
        return 1
    return 3 if findings.unsaid or drilled == 3 else 0


def sentence(
    code: int,
    findings: Findings,
    lines: Sequence[ResultLine],
    stale: Sequence[str],
    checked: str,
    unsure: Sequence[str],
) -> str:
    """What, where, and how much more. `checked`: what beside clients was looked at; `unsure`: further doubts."""
    troubles = [
        *(f"{finding.file}:{finding.line}: {finding.message} [{finding.rule}]" for finding in findings.failing),
        *(_told(line) for line in _worst_first(lines, VIOLATIONS)),
        *(f"stale: {each}" for each in (*findings.stale, *stale)),
    ]
    doubts = [
        *(f"{finding.file}:{finding.line}: {finding.message} [{finding.rule}]" for finding in findings.unsaid),
        *(_told(line) for line in _worst_first(lines, UNJUDGED)),
        *unsure,
    ]
    told = troubles if code == 1 else doubts
    if code == 0 or not told:
        pins = f"{checked} in order" if checked else "no pin file is checked"
        cells = f"{counted(len(lines), 'cell')} as expected" if lines else "no client is drilled"
        text = f"gate: green: {pins}; {cells}" if code == 0 else "gate: not judged: no cell could be run"
    else:
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        text = f"gate: {'red' if code == 1 else 'not judged'}: {told[0]}{more}"
    return str(harmless(text))


def _told(line: ResultLine) -> str:
    return f"{line.client}: {line.code} {line.scenario}, TLS {line.tls}: {line.verdict}: {line.reason}"


def _worst_first(lines: Iterable[ResultLine], words: frozenset[VerdictWord]) -> list[ResultLine]:
    found = [line for line in lines if line.verdict in words and not line.known]
    return sorted(found, key=lambda line: PRECEDENCE.index(line.verdict))


def _excused(finding: LintFinding, why: str) -> LintFinding:
    return replace(finding, severity=Severity.INFO, message=f"{finding.message} ({why})")


def _steady(finding: LintFinding | FindingLine) -> tuple[str, str, str]:
    """Without line and numbers, which change when lines are added above it or a day goes by."""
    return finding.file, finding.rule, re.sub(r"\d+", "#", finding.message)

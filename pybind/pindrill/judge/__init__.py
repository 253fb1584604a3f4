"""From facts to verdicts: the truth rules T1-T17 as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pindrill.classify import sent_data
from pindrill.judge.acceptance import acceptance_of
from pindrill.judge.facts import Attribution, Control, Controls, Finding, StageFacts
from pindrill.judge.leaks import leaks_in
from pindrill.judge.refusal import refusal_of
from pindrill.model import LEAKS, PRECEDENCE, UNJUDGED, Expect, Said, VerdictWord

__all__ = [
    "Attribution",
    "Control",
    "Controls",
    "Finding",
    "StageFacts",
    "agree",
    "control_of",
    "fold",
    "judge_stage",
    "under_its_spelling",
    "vacuous",
]

_STOLEN_KEY = (
    "whoever has the server's ticket key needs no certificate, as long as its tickets live (RFC 8446 section 4.6.1: up "
    "to 7 days), and no client can tell"
)


def judge_stage(facts: StageFacts, controls: Controls) -> Finding:
    if leaks := leaks_in(facts):
        return fold(leaks)
    if facts.report.said is Said.ERROR:
        return Finding(verdict=VerdictWord.ERROR, reason=f"the client's adapter failed: {facts.report.detail}")
    if facts.report.said is Said.UNSUPPORTED:
        return Finding(
            verdict=VerdictWord.UNSUPPORTED, reason=f"the client cannot do this: {facts.report.detail or 'it said so'}"
        )
    if facts.expected is Expect.ACCEPT:
        return acceptance_of(facts, controls)
    finding = refusal_of(facts, controls)
    if facts.expected is Expect.REPORT and finding.verdict not in UNJUDGED:
        why = _STOLEN_KEY if _by_a_stolen_key(facts) else "policy, not judged"
        return Finding(verdict=VerdictWord.REPORTED, reason=f"{why}: {finding.reason}")
    return finding


def _by_a_stolen_key(facts: StageFacts) -> bool:
    """Data on a resumed session of which this server has the ticket key, and no more: no client can tell."""
    return facts.anew is Expect.REFUSE and any(seen.resumed and sent_data(seen) for seen in facts.seen)


def vacuous(finding: Finding, stages: Sequence[StageFacts]) -> Finding:
    """Of a scenario about sessions that are resumed: whether any was to be resumed (T17)."""
    offered = any(seen.resumed or seen.ticket_declined for facts in stages for seen in facts.seen)
    if offered or finding.verdict not in (VerdictWord.PASS, VerdictWord.REPORTED):
        return finding
    why = "no ticket was offered: nothing to show"
    return replace(finding, vacuous=why, reason=f"{finding.reason} (vacuous: {why})")


def fold(findings: Sequence[Finding]) -> Finding:
    """The stages of a cell, or the verdicts of a stage: the first of T16 counts."""
    worst = min(findings, key=lambda finding: PRECEDENCE.index(finding.verdict))
    needs_repeat = any(finding.needs_repeat for finding in findings)
    if worst.verdict is not VerdictWord.PASS:
        # What is repeated is the whole cell: a stage behind the worst one may leak the second time.
        return replace(worst, needs_repeat=needs_repeat)
    attributions = {f.attribution for f in findings if f.attribution != "unknown"}
    return Finding(
        verdict=VerdictWord.PASS,
        reason="; ".join(dict.fromkeys(finding.reason for finding in findings)),
        attribution="other" if "other" in attributions else "pin" if "pin" in attributions else "unknown",
        needs_repeat=needs_repeat,
    )


def agree(runs: Sequence[Finding]) -> Finding:
    """Several runs of one cell: a leak in any counts, a disagreement otherwise is inconclusive (T16)."""
    leaks = [run for run in runs if run.verdict in LEAKS]
    if leaks:
        return fold(leaks)
    if len({run.verdict for run in runs}) == 1:
        return runs[0]
    shown = "; ".join(f"run {number}: {run.verdict} ({run.reason})" for number, run in enumerate(runs, start=1))
    return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=f"repeated runs disagree: {shown}")


def under_its_spelling(finding: Finding, genuine: Control) -> Finding:
    """Of a host in another spelling: who refuses the genuine server under it as well refuses the spelling."""
    if finding.verdict is not VerdictWord.OUTAGE or genuine is Control.ACCEPTED:
        return finding
    return Finding(
        verdict=VerdictWord.INCONCLUSIVE,
        reason="the genuine server was not accepted under this spelling of its name either",
    )


def control_of(finding: Finding) -> Control:
    """A twin's stage, judged as one that must be accepted, as a control."""
    match finding.verdict:
        case VerdictWord.PASS:
            return Control.ACCEPTED
        case VerdictWord.OUTAGE:
            return Control.REFUSED
        case _:
            return Control.INCONCLUSIVE

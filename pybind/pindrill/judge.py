"""From facts to verdicts: the truth rules T1-T16 as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from pindrill.classify import REFUSALS, SAME_MOMENT, Shape, is_garbage, sent_data, shape, spoke_plaintext, story
from pindrill.model import (
    LEAKS,
    PRECEDENCE,
    UNJUDGED,
    ClientReport,
    Expect,
    Observation,
    Said,
    Stray,
    VerdictWord,
)

Attribution = Literal["pin", "other", "unknown"]


class Control(StrEnum):
    """How a twin, which had to be accepted, went."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"
    ABSENT = "absent"
    """There is no such twin: the client's pins cannot be set."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    genuine: Control = Control.ACCEPTED
    pin: Control = Control.ABSENT


@dataclass(frozen=True, kw_only=True)
class StageFacts:
    """Everything that is known about one stage: what the server saw, what the client's side shows."""

    expected: Expect
    seen: Sequence[Observation]
    """The connections that were shown this stage's credential."""
    report: ClientReport
    strays: Sequence[Stray] = ()
    pins_known: bool = True
    """Not where pins may be compiled in that nobody told of: then a refusal may be right."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    verdict: VerdictWord
    reason: str
    attribution: Attribution = "unknown"
    needs_repeat: bool = False
    """It rests on a refusal without an alert, which counts only if it happens again (T3)."""


def judge_stage(facts: StageFacts, controls: Controls) -> Finding:
    if leak := _leak(facts):
        return leak
    if facts.report.said is Said.ERROR:
        return Finding(verdict=VerdictWord.ERROR, reason=f"the client's adapter failed: {facts.report.detail}")
    if facts.report.said is Said.UNSUPPORTED:
        return Finding(
            verdict=VerdictWord.UNSUPPORTED, reason=f"the client cannot do this: {facts.report.detail or 'it said so'}"
        )
    if facts.expected is Expect.ACCEPT:
        return _accept(facts, controls)
    finding = _refuse(facts, controls)
    if facts.expected is Expect.REPORT and finding.verdict not in UNJUDGED:
        return Finding(verdict=VerdictWord.REPORTED, reason=f"policy, not judged: {finding.reason}")
    return finding


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


# --- leaks: bytes decide (T1, T6-T9), and need no control ------------------------------------------------------


def _leak(facts: StageFacts) -> Finding | None:
    found = [finding for finding in (_downgrade(facts), *_leaks_to_rogue(facts)) if finding]
    return fold(found) if found else None


def _downgrade(facts: StageFacts) -> Finding | None:
    # Without the secret it may be any request, which to a server that must be accepted replaces nothing.
    plain = [
        seen
        for seen in facts.seen
        if spoke_plaintext(seen) and (seen.secrets or seen.plain_secrets or facts.expected is not Expect.ACCEPT)
    ]
    if facts.strays:
        stray = facts.strays[0]
        return Finding(
            verdict=VerdictWord.DOWNGRADE,
            reason=f"the request secret arrived on another connection: {stray.where}, {story(stray.observation)}",
        )
    if plain:
        where = " to the port of its TLS server" if plain[0].plaintext else ""
        return Finding(verdict=VerdictWord.DOWNGRADE, reason=f"the client {story(plain[0])}{where}")
    return None


def _leaks_to_rogue(facts: StageFacts) -> list[Finding]:
    if facts.expected not in (Expect.REFUSE, Expect.CONFIG_ERROR_OR_REFUSE):
        return []
    found = []
    for seen in facts.seen:
        if seen.plaintext:
            continue
        if seen.early_data_bytes:
            found.append(
                Finding(
                    verdict=VerdictWord.EARLY_DATA_LEAK,
                    reason=f"{seen.early_data_bytes} bytes of early data were readable before any check",
                )
            )
        if seen.client_certificate:
            found.append(
                Finding(
                    verdict=VerdictWord.CLIENT_AUTH_LEAK, reason="the client's certificate went to the rogue server"
                )
            )
        if sent_data(seen):
            found.append(_data_to_rogue(seen, facts))
    return found


def _data_to_rogue(seen: Observation, facts: StageFacts) -> Finding:
    report = facts.report
    what = f"the client {story(seen)} to a server that it must refuse"
    if report.said is Said.ACCEPTED or report.canary_out:
        return Finding(verdict=VerdictWord.FAIL_OPEN, reason=f"{what}, and took the answer")
    retried = any(
        other.accepted_at < seen.accepted_at
        and other.ended_at <= seen.accepted_at + SAME_MOMENT
        and shape(other, report.ending_at) in REFUSALS
        for other in facts.seen
    )
    if retried:
        return Finding(verdict=VerdictWord.DOWNGRADE, reason=f"{what}, on a retry after it had refused")
    return Finding(verdict=VerdictWord.LEAKED, reason=f"{what}, although it {_said(report)}")


# --- a stage that must be refused ------------------------------------------------------------------------------


def _refuse(facts: StageFacts, controls: Controls) -> Finding:
    if doubt := _doubt(facts, controls):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=doubt)
    if facts.expected is Expect.REPORT and any(sent_data(seen) for seen in facts.seen):
        return Finding(
            verdict=VerdictWord.PASS, reason=f"the client {story(_telling(facts))}; it {_said(facts.report)}"
        )
    if not _hellos(facts):
        return Finding(
            verdict=VerdictWord.PASS,
            reason="the client refused its configuration and did not connect",
            attribution="pin",
        )
    last = _telling(facts)
    silent = _shapes(facts) & {Shape.SILENT_FIN, Shape.SILENT_RESET}
    if facts.report.said is Said.ACCEPTED:
        return Finding(
            verdict=VerdictWord.FALSE_SUCCESS,
            reason=f"the client {story(last)}, yet it reports success",
            needs_repeat=bool(silent),
        )
    return Finding(
        verdict=VerdictWord.PASS,
        reason=f"failed closed: the client {story(last)}",
        attribution=_attribution(controls.pin),
        needs_repeat=bool(silent),
    )


def _doubt(facts: StageFacts, controls: Controls) -> str | None:
    """Why nothing can be said, None when something can."""
    report = facts.report
    if report.said in (Said.DIED, Said.CANNOT_RUN):
        return f"the client {_said(report)}, and a dead client refuses nothing"
    if facts.expected in (Expect.CONFIG_ERROR_OR_REFUSE, Expect.REPORT) and not _hellos(facts):
        if report.said is not Said.REFUSED:
            return f"the client did not connect, and {_said(report)}"
        return _without_genuine(controls)
    if facts.expected is Expect.REPORT and any(sent_data(seen) for seen in facts.seen):
        return None
    if not facts.seen:
        return f"the client did not connect; it {_said(report)}"
    if any(is_garbage(seen) for seen in facts.seen):
        return "the client sent bytes that are neither TLS nor a request: what they gave away is not known"
    shapes = _shapes(facts)
    if Shape.OPEN in shapes:
        return "a connection was still open at the deadline, without data: a timeout is no refusal"
    if report.said is Said.TIMEOUT:
        return "the client had not ended at the deadline: a timeout is no refusal"
    if not shapes & REFUSALS:
        return f"the client {story(_telling(facts))}: it never refused what this is about"
    if shapes & REFUSALS == {Shape.SILENT_RESET} and report.said is not Said.REFUSED:
        return f"the connection was reset before Finished, and the client {_said(report)}"
    return _without_genuine(controls)


def _without_genuine(controls: Controls) -> str | None:
    if controls.genuine is Control.ACCEPTED:
        return None
    return "the genuine server was not accepted either (genuine twin), so its refusals prove nothing"


def _attribution(pin_twin: Control) -> Attribution:
    match pin_twin:
        case Control.ACCEPTED:
            return "pin"
        case Control.REFUSED:
            return "other"
        case _:
            return "unknown"


# --- a stage that must be accepted -----------------------------------------------------------------------------


def _accept(facts: StageFacts, controls: Controls) -> Finding:
    report = facts.report
    delivered = [seen for seen in facts.seen if seen.data_bytes and seen.response_sent_at]
    if report.canary_out or (report.said is Said.ACCEPTED and delivered):
        return _accepted(facts)
    if report.said in (Said.DIED, Said.CANNOT_RUN, Said.TIMEOUT):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=f"the client {_said(report)} before it had its answer")
    if report.said is Said.SILENT and delivered:
        return Finding(
            verdict=VerdictWord.PASS, reason="the whole answer was delivered; the client's exit code is ignored"
        )
    if doubt := _doubt_of_outage(facts, controls):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=doubt)
    if report.said is Said.ACCEPTED:
        return Finding(
            verdict=VerdictWord.FALSE_SUCCESS, reason=f"the client {story(_telling(facts))}, yet it reports success"
        )
    return Finding(
        verdict=VerdictWord.OUTAGE,
        reason=f"the client saw a certificate that it must accept, and {story(_telling(facts))}; it {_said(report)}",
        needs_repeat=bool(_shapes(facts) & {Shape.SILENT_FIN, Shape.SILENT_RESET}),
    )


def _doubt_of_outage(facts: StageFacts, controls: Controls) -> str | None:
    """Why it is not known that the client refused the certificate, None when it is (T14)."""
    report, shapes = facts.report, _shapes(facts)
    if not _hellos(facts):
        return f"the client did not connect; it {_said(report)}"
    if Shape.OPEN in shapes or not shapes & (REFUSALS | {Shape.DATA}):
        return f"the client {story(_telling(facts))}: no evidence that it refused the certificate"
    if Shape.DATA in shapes and (doubt := _doubt_of_late_outage(facts, controls)):
        return doubt
    if shapes & (REFUSALS | {Shape.DATA}) == {Shape.SILENT_RESET} and report.said is not Said.REFUSED:
        return f"the connection was reset before Finished, and the client {_said(report)}"
    if shapes & (REFUSALS | {Shape.DATA}) == {Shape.AFTER_HANDSHAKE}:
        if report.said is Said.ACCEPTED:
            return f"the client {story(_telling(facts))} and reports success: it made no request"
        if all(_no_common_alpn(seen) for seen in facts.seen if seen.finished_at):
            offered = ", ".join(sorted({name for seen in facts.seen if seen.hello for name in seen.hello.alpn}))
            return f"the client speaks only {offered} (ALPN), which is not answered here"
    if not facts.pins_known and report.said is not Said.ACCEPTED:
        return (
            f"the client {story(_telling(facts))}, as it should if keys of other servers are compiled into it: "
            "say what is pinned by --pinned and --keyring, or --pinned none"
        )
    return None


def _doubt_of_late_outage(facts: StageFacts, controls: Controls) -> str | None:
    """It sent its request to the server. A connection beside that one, without data, is one that nobody needed."""
    report = facts.report
    if _shapes(facts) & {Shape.ALERT, Shape.SILENT_FIN}:
        return None
    if report.said is Said.ACCEPTED:
        return f"the client {story(_telling(facts))} and reports success, but took no whole answer"
    if controls.genuine is Control.ACCEPTED:
        return None  # the same client likes the same answer there, so it is the certificate that it refused, late
    return (
        f"the client {story(_telling(facts))}, so it took the certificate, and then {_said(report)}: an app that needs "
        "a certain answer gets it by --respond FILE"
    )


def _no_common_alpn(seen: Observation) -> bool:
    offered = seen.hello.alpn if seen.hello else ()
    return bool(offered) and "http/1.1" not in offered


def _accepted(facts: StageFacts) -> Finding:
    shapes = _shapes(facts)
    resumed_only = all(seen.resumed for seen in facts.seen if seen.data_bytes)
    if facts.seen and resumed_only and any(sent_data(seen) for seen in facts.seen) and shapes & REFUSALS:
        return Finding(
            verdict=VerdictWord.OUTAGE_DEFERRED,
            reason="only a resumed session still works; a full handshake is refused",
        )
    return Finding(verdict=VerdictWord.PASS, reason="accepted, the answer came through")


# --- words -----------------------------------------------------------------------------------------------------


def _shapes(facts: StageFacts) -> set[Shape]:
    return {shape(seen, facts.report.ending_at) for seen in facts.seen}


def _hellos(facts: StageFacts) -> bool:
    return any(seen.hello for seen in facts.seen)


def _telling(facts: StageFacts) -> Observation:
    """The connection that says most: data, then a refusal, then anything."""
    order = {Shape.DATA: 0, **dict.fromkeys(REFUSALS, 1)}
    return min(facts.seen, key=lambda seen: order.get(shape(seen, facts.report.ending_at), 2))


def _said(report: ClientReport) -> str:
    detail = f" ({report.detail})" if report.detail else ""
    return {
        Said.ACCEPTED: "reported success",
        Said.REFUSED: f"reported a refusal{detail}",
        Said.UNSUPPORTED: f"said that it cannot do this{detail}",
        Said.ERROR: f"failed{detail}",
        Said.DIED: f"died{detail}",
        Said.CANNOT_RUN: f"could not be run{detail}",
        Said.TIMEOUT: f"did not end in time{detail}",
        Said.SILENT: "said nothing",
    }[report.said]

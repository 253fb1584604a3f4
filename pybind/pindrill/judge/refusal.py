"""A stage that must be refused, or that is a matter of policy (T2-T5, T10-T12)."""

from __future__ import annotations

from pindrill.classify import REFUSALS, Shape, is_garbage, sent_data, story
from pindrill.judge.facts import Attribution, Control, Controls, Finding, StageFacts
from pindrill.judge.words import refused_in_words, said_hello, shapes_of, telling, told
from pindrill.model import Expect, Said, VerdictWord


def refusal_of(facts: StageFacts, controls: Controls) -> Finding:
    if doubt := _doubt(facts, controls):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=doubt)
    if facts.expected is Expect.REPORT and any(sent_data(seen) for seen in facts.seen):
        return Finding(verdict=VerdictWord.PASS, reason=f"the client {story(telling(facts))}; it {told(facts.report)}")
    if not said_hello(facts):
        return Finding(
            verdict=VerdictWord.PASS,
            reason="the client refused its configuration and did not connect",
            attribution="pin",
        )
    last = telling(facts)
    silent = shapes_of(facts) & {Shape.SILENT_FIN, Shape.SILENT_RESET}
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
        return f"the client {told(report)}, and a dead client refuses nothing"
    if facts.expected in (Expect.CONFIG_ERROR_OR_REFUSE, Expect.REPORT) and not said_hello(facts):
        if report.said is not Said.REFUSED:
            return f"the client did not connect, and {told(report)}"
        return _without_genuine(controls)
    if facts.expected is Expect.REPORT and any(sent_data(seen) for seen in facts.seen):
        return None
    if not facts.seen:
        return f"the client did not connect; it {told(report)}"
    if any(is_garbage(seen) for seen in facts.seen):
        return "the client sent bytes that are neither TLS nor a request: what they gave away is not known"
    shapes = shapes_of(facts)
    if Shape.OPEN in shapes:
        return "a connection was still open at the deadline, without data: a timeout is no refusal"
    if Shape.WENT_ON in shapes:
        return "the client sent more after its alert, which could not be read: what it gave away is not known"
    if report.said is Said.TIMEOUT and not refused_in_words(facts):
        return "the client had not ended at the deadline: a timeout is no refusal"
    if not shapes & REFUSALS:
        return f"the client {story(telling(facts))}: it never refused what this is about"
    if shapes & REFUSALS == {Shape.SILENT_RESET} and report.said is not Said.REFUSED:
        return f"the connection was reset before Finished, and the client {told(report)}"
    return _without_genuine(controls)


def _without_genuine(controls: Controls) -> str | None:
    if controls.genuine is Control.ACCEPTED:
        return None
    why = f": {controls.clock}" if controls.clock else ""
    return f"the genuine server was not accepted either (genuine twin), so its refusals prove nothing{why}"


def _attribution(pin_twin: Control) -> Attribution:
    match pin_twin:
        case Control.ACCEPTED:
            return "pin"
        case Control.REFUSED:
            return "other"
        case _:
            return "unknown"

"""A stage that must be accepted (T13, T14)."""

from __future__ import annotations

from pindrill.classify import REFUSALS, Shape, road, sent_data, story
from pindrill.judge.facts import Control, Controls, Finding, StageFacts
from pindrill.judge.words import refused_in_words, said_hello, shapes_of, telling, told
from pindrill.model import Observation, Said, VerdictWord


def acceptance_of(facts: StageFacts, controls: Controls) -> Finding:
    report = facts.report
    delivered = [seen for seen in facts.seen if seen.data_bytes and seen.response_sent_at]
    if report.canary_out or (report.said is Said.ACCEPTED and delivered):
        return _accepted(facts)
    hung = report.said is Said.TIMEOUT and not refused_in_words(facts)
    if hung or report.said in (Said.DIED, Said.CANNOT_RUN):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=f"the client {told(report)} before it had its answer")
    if report.said is Said.SILENT and delivered:
        return Finding(
            verdict=VerdictWord.PASS, reason="the whole answer was delivered; the client's exit code is ignored"
        )
    if doubt := _doubt_of_outage(facts, controls):
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=doubt)
    if report.said is Said.ACCEPTED:
        return Finding(
            verdict=VerdictWord.FALSE_SUCCESS, reason=f"the client {story(telling(facts))}, yet it reports success"
        )
    if controls.clock:
        return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=controls.clock)
    last = telling(facts)
    if not facts.pinned:
        return Finding(
            verdict=VerdictWord.UNSUPPORTED,
            reason=f"the client makes no request without pins: told to, it {story(last)}; it {told(report)}",
        )
    met = "was taken back to a session of a server" if last.resumed else "saw a certificate"
    return Finding(
        verdict=VerdictWord.OUTAGE,
        reason=f"the client {met} that it must accept, and {story(last)}; it {told(report)}",
        needs_repeat=bool(shapes_of(facts) & {Shape.SILENT_FIN, Shape.SILENT_RESET}),
    )


def _doubt_of_outage(facts: StageFacts, controls: Controls) -> str | None:
    """Why it is not known that the client refused the certificate, None when it is (T14)."""
    report, shapes = facts.report, shapes_of(facts)
    if not said_hello(facts):
        return f"the client did not connect; it {told(report)}"
    if Shape.OPEN in shapes or not shapes & (REFUSALS | {Shape.DATA}):
        return f"the client {story(telling(facts))}: no evidence that it refused the certificate"
    if Shape.DATA in shapes and (doubt := _doubt_of_late_outage(facts, controls)):
        return doubt
    if shapes & (REFUSALS | {Shape.DATA}) == {Shape.SILENT_RESET} and report.said is not Said.REFUSED:
        return f"the connection was reset before Finished, and the client {told(report)}"
    if shapes & (REFUSALS | {Shape.DATA}) == {Shape.AFTER_HANDSHAKE}:
        if report.said is Said.ACCEPTED:
            return f"the client {story(telling(facts))} and reports success: it made no request"
        if all(_no_common_alpn(seen) for seen in facts.seen if seen.finished_at):
            offered = ", ".join(sorted({name for seen in facts.seen if seen.hello for name in seen.hello.alpn}))
            return f"the client speaks only {offered} (ALPN), which is not answered here"
    if not facts.pins_known and report.said is not Said.ACCEPTED:
        return (
            f"the client {story(telling(facts))}, as it should if keys of other servers are compiled into it: "
            "say what is pinned by --pinned and --keyring, or --pinned none"
        )
    return None


def _doubt_of_late_outage(facts: StageFacts, controls: Controls) -> str | None:
    """It sent its request to the server. A connection beside that one, without data, is one that nobody needed."""
    report = facts.report
    if shapes_of(facts) & {Shape.ALERT, Shape.SILENT_FIN}:
        return None
    if report.said is Said.ACCEPTED:
        return f"the client {story(telling(facts))} and reports success, but took no whole answer"
    if controls.genuine is Control.ACCEPTED:
        return None  # the same client likes the same answer there, so it is the certificate that it refused, late
    return (
        f"the client {story(telling(facts))}, so it took the certificate, and then {told(report)}: an app that needs "
        "a certain answer gets it by --respond FILE"
    )


def _no_common_alpn(seen: Observation) -> bool:
    offered = seen.hello.alpn if seen.hello else ()
    return bool(offered) and "http/1.1" not in offered


def _accepted(facts: StageFacts) -> Finding:
    shapes = shapes_of(facts)
    resumed_only = all(seen.resumed for seen in facts.seen if seen.data_bytes)
    if facts.seen and resumed_only and any(sent_data(seen) for seen in facts.seen) and shapes & REFUSALS:
        return Finding(
            verdict=VerdictWord.OUTAGE_DEFERRED,
            reason="only a resumed session still works; a full handshake is refused",
        )
    by = road(telling(facts)) if facts.seen else ""
    return Finding(verdict=VerdictWord.PASS, reason=f"accepted, the answer came through{by}")

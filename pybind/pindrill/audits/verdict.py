"""A verdict per destination of an app, from what an interceptor saw of all of them. Pure; docs/audit-verdicts.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pindrill.audits.evidence import Evidence
from pindrill.audits.facts import AppRun, Condition, Contact, Destination, Readable, in_order
from pindrill.audits.rules import of_stack, plain_text
from pindrill.audits.showing import Showing, What
from pindrill.audits.words import AuditFinding, AuditWord, named, why


@dataclass(frozen=True, kw_only=True)
class ConditionSummary:
    """What one condition showed at a destination: connections by what they did."""

    condition: Condition | None
    """None: no condition was staged (plain text, or it ended before)."""
    connections: int
    read: int
    refused: int
    silent: int
    """Closed without data and without an alert."""
    other: int
    stories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AuditVerdict:
    destination: Destination
    word: AuditWord
    reason: str
    stack: str = ""
    """The fingerprint of the TLS stack that decided."""
    conditions: tuple[ConditionSummary, ...] = ()
    readable: tuple[Readable, ...] = ()


def judge(
    contacts: Iterable[Contact], *, runs: Iterable[AppRun] = (), named: Iterable[Destination] = (), trouble: str = ""
) -> list[AuditVerdict]:
    """`contacts`: all of one app. `named`: destinations asked for. `trouble`: why the interceptor did not see all."""
    evidence = Evidence(contacts, runs)
    verdicts = [_judge(evidence, destination) for destination in evidence.destinations]
    missed = [destination for destination in dict.fromkeys(named) if destination not in evidence.destinations]
    return sorted(verdicts + [_not_contacted(each, trouble) for each in missed], key=lambda each: each.destination)


def _not_contacted(destination: Destination, trouble: str) -> AuditVerdict:
    if trouble:
        reason = f"nobody was seen to contact it, but the interceptor did not see all: {trouble}"
        return AuditVerdict(destination=destination, word=AuditWord.INCONCLUSIVE, reason=reason)
    return AuditVerdict(destination=destination, word=AuditWord.NOT_CONTACTED, reason="nobody contacted it")


def _judge(evidence: Evidence, destination: Destination) -> AuditVerdict:
    stacks = [of_stack(evidence, destination, stack) for stack in evidence.stacks(destination)]
    found = [each for each in (plain_text(evidence, destination), *stacks) if each]
    if not found:
        found = [_nothing(evidence, destination)]
    worst = min(found, key=lambda each: tuple(AuditWord).index(each.word))
    others = [f"{named(each.stack)}: {each.word}" for each in found if each is not worst and each.word != worst.word]
    showings = evidence.at(destination)
    return AuditVerdict(
        destination=destination,
        word=worst.word,
        reason=worst.reason + (f"; besides, {', '.join(others)}" if others else ""),
        stack=worst.stack,
        conditions=_summaries(showings),
        readable=_readable(showings),
    )


def _nothing(evidence: Evidence, destination: Destination) -> AuditFinding:
    showings = evidence.at(destination)
    stacks = evidence.stacks(destination)
    return AuditFinding(
        AuditWord.INCONCLUSIVE, f"nothing that can be judged{why(showings)}", stacks[0] if stacks else ""
    )


def _summaries(showings: Sequence[Showing]) -> tuple[ConditionSummary, ...]:
    conditions = dict.fromkeys(each.contact.condition for each in showings)
    return tuple(_summary(each, [x for x in showings if x.contact.condition is each]) for each in conditions)


def _summary(condition: Condition | None, showings: Sequence[Showing]) -> ConditionSummary:
    count = Counter(each.what for each in showings)
    read = count[What.READ] + count[What.CERTIFIED] + count[What.PLAIN]
    silent = count[What.CLOSED] + count[What.VANISHED]
    stories = Counter(each.why for each in showings)
    return ConditionSummary(
        condition=condition,
        connections=len(showings),
        read=read,
        refused=count[What.REFUSED],
        silent=silent,
        other=len(showings) - read - count[What.REFUSED] - silent,
        stories=tuple(story if times == 1 else f"{story} ({times} times)" for story, times in stories.items()),
    )


def _readable(showings: Sequence[Showing]) -> tuple[Readable, ...]:
    found = {
        each for showing in showings if showing.what in (What.READ, What.PLAIN) for each in showing.contact.readable
    }
    return in_order(found)

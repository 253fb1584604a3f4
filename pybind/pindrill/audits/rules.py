"""The rules of a verdict, one after the other, for one TLS stack at one destination. docs/audit-verdicts.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pindrill.audits.evidence import Apart, CaTrust, Evidence, Refusals
from pindrill.audits.facts import Condition, Destination
from pindrill.audits.showing import REFUSALS, ROGUE, STAPLED, UNTRUSTED, Leaving, Showing, What, leaving
from pindrill.audits.words import (
    AuditFinding,
    AuditWord,
    connections,
    named,
    of_all,
    stories,
    times,
    what_was_read,
    why,
)

ENOUGH = 2
"""How often something must be seen that may happen once by accident."""
_MORE = "let the same client contact one host without a pin"
_PLACED = ", and see that the test CA is where it looks for trust"


def of_stack(evidence: Evidence, destination: Destination, stack: str) -> AuditFinding | None:
    """None: this stack said nothing here that could be judged."""
    mine = [each for each in evidence.at(destination, stack) if each.contact.condition is not None]
    refused = evidence.refusals(destination, stack, (Condition.TRUSTED_CA,))
    for rule in (_no_validation, _wrong_certificate, _second_stack, _read, _certified):
        if finding := rule(evidence, mine, refused):
            return finding
    if any(each.contact.condition in ROGUE for each in mine):
        return _refused(evidence, mine, refused)
    if any(each.what is What.CARRIED for each in mine):
        return AuditFinding(
            AuditWord.INCONCLUSIVE, "it was only passed through so far: the test CA was never shown to it", stack
        )
    return None


# --- data was readable -----------------------------------------------------------------------------------------


def _no_validation(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    read = _readings(mine, UNTRUSTED)
    if not read:
        return None
    return AuditFinding(
        AuditWord.NO_VALIDATION,
        f"it accepts what anybody can show: {what_was_read(read)}{of_all(read, mine)}",
        read[0].contact.stack,
    )


def _wrong_certificate(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    stack = mine[0].contact.stack if mine else ""
    if host := _readings(mine, (Condition.OTHER_HOST,)):
        reason = f"it does not check the name: {what_was_read(host)}{of_all(host, mine)}"
        return AuditFinding(AuditWord.WRONG_CERTIFICATE, reason, stack)
    passed_for_genuine = _readings(mine, (*STAPLED, Condition.EXPIRED))
    if _readings(mine, (Condition.TRUSTED_CA,)) or not passed_for_genuine or len(refused.counted) < ENOUGH:
        return None
    return AuditFinding(
        AuditWord.WRONG_CERTIFICATE,
        f"it refused the test CA {times(len(refused.counted))}, but {what_was_read(passed_for_genuine)}",
        stack,
    )


def _second_stack(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    """A stack that comes only after another one was refused, and is read."""
    read = _readings(mine, ROGUE)
    if not read:
        return None
    destination, stack = read[0].contact.destination, read[0].contact.stack
    for first in evidence.stacks(destination):
        if first == stack or not evidence.baseline(destination, first).works:
            continue
        if not evidence.refusals(destination, first, ROGUE).counted:
            continue
        if _follows_refusals(evidence, mine, evidence.at(destination, first)):
            return AuditFinding(
                AuditWord.FALLBACK,
                f"{named(first)} refused, then another one, which does not come when it is passed through, was "
                f"read: {what_was_read(read)}",
                stack,
            )
    return None


def _read(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    read = _readings(mine, ROGUE)
    if not read:
        return None
    stack = read[0].contact.stack
    if refused.counted:
        return _read_and_refused(evidence, read, mine, refused)
    told = what_was_read(read)
    if before := _left_before_answers(read):
        return AuditFinding(
            AuditWord.LEAKED,
            f"it refuses too late: {told}, and it left before any answer came on {before} of them",
            stack,
        )
    notes = f" ({'; '.join(refused.excuses)})" if refused.excuses else ""
    if _readings(mine, (Condition.EXPIRED,)):
        notes += "; it accepts an expired certificate as well"
    if any(each.contact.seen.client_certificate for each in read):
        notes += "; it sent its client certificate as well"
    return AuditFinding(AuditWord.INTERCEPTED, f"not pinned: {told}{notes}", stack)


def _read_and_refused(
    evidence: Evidence, read: Sequence[Showing], mine: Sequence[Showing], refused: Refusals
) -> AuditFinding:
    stack = read[0].contact.stack
    if _retries_unchecked(evidence, read, mine):
        return AuditFinding(
            AuditWord.FALLBACK,
            "it refused, then connected once more than it does when it is passed through, and on that connection "
            + what_was_read(read),
            stack,
        )
    counts = f"{len(read)} of its connections were read, {len(refused.counted)} refused"
    if all(_after_a_genuine_one(each, mine) for each in read):
        counts += "; it was read only after genuine connections of the same run"
    return AuditFinding(AuditWord.MIXED, f"{counts}: {what_was_read(read)}", stack)


def _certified(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    certified = [each for each in mine if each.what is What.CERTIFIED]
    if not certified:
        return None
    return AuditFinding(
        AuditWord.LEAKED,
        f"its client certificate went to the interceptor on {connections(len(certified))}, though no other data",
        certified[0].contact.stack,
    )


def _left_before_answers(read: Sequence[Showing]) -> int:
    """How often it did, where that is its habit: an answer that won the race now and then is no acceptance."""
    count = Counter(leaving(each) for each in read)
    before, just_after = count[Leaving.BEFORE], count[Leaving.JUST_AFTER]
    return before if before >= ENOUGH and before > just_after and before + just_after == len(read) else 0


def _retries_unchecked(evidence: Evidence, read: Sequence[Showing], mine: Sequence[Showing]) -> bool:
    baseline = evidence.baseline(read[0].contact.destination, read[0].contact.stack)
    if not baseline.works or not baseline.connections:
        return False
    per_run = Counter(each.contact.run for each in mine)
    before = [each for each in mine if each.what in REFUSALS]
    return all(
        evidence.refused_before(each, before)
        and per_run[each.contact.run] > baseline.connections
        and not _after_a_genuine_one(each, mine)
        for each in read
    )


def _after_a_genuine_one(showing: Showing, mine: Sequence[Showing]) -> bool:
    return bool(showing.contact.run) and any(
        each.what is What.CARRIED
        and each.contact.run == showing.contact.run
        and each.contact.seen.accepted_at < showing.contact.seen.accepted_at
        for each in mine
    )


def _follows_refusals(evidence: Evidence, these: Sequence[Showing], tried: Sequence[Showing]) -> bool:
    """They come only where something of ours was tried in vain before, and after a refusal at least once."""
    vain = [each for each in tried if each.contact.condition in ROGUE and each.what is not What.READ]
    refusals = [each for each in vain if each.what in REFUSALS]
    return all(evidence.began_before(each, vain) for each in these) and any(
        evidence.refused_before(each, refusals) for each in these
    )


# --- plain text ------------------------------------------------------------------------------------------------


def plain_text(evidence: Evidence, destination: Destination) -> AuditFinding | None:
    spoken = [
        each
        for each in evidence.showings
        if each.what is What.PLAIN and each.contact.destination.host == destination.host
    ]
    if not spoken:
        return None
    here = [each for each in spoken if each.contact.destination == destination]
    for place in evidence.destinations:
        if place != destination and not (here and place.host == destination.host):
            continue
        for stack in evidence.stacks(place):
            if _replaces_tls(evidence, place, stack, spoken):
                line = spoken[0].contact.seen.request_line
                return AuditFinding(
                    AuditWord.FALLBACK,
                    f"after a refusal of TLS at {place} a request went to {spoken[0].contact.destination} in plain "
                    f"text{f' ({line})' if line else ''}, which does not happen when it is passed through",
                    stack,
                )
    if not here:
        return None
    return AuditFinding(
        AuditWord.INTERCEPTED, f"{connections(len(here))} without TLS: anybody on the way reads the request", ""
    )


def _replaces_tls(evidence: Evidence, destination: Destination, stack: str, spoken: Sequence[Showing]) -> bool:
    """Plain text comes only after a refusal, and not in the pass-through runs."""
    if not evidence.refusals(destination, stack, ROGUE).counted:
        return False
    if not _follows_refusals(evidence, spoken, evidence.at(destination, stack)):
        return False
    refusals = [each for each in evidence.at(destination, stack) if each.what in REFUSALS]
    refused_in = {each.contact.run for each in refusals if each.contact.run}
    return any(
        each.what is What.CARRIED and each.contact.run not in refused_in and not evidence.refused_before(each, refusals)
        for each in evidence.at(destination)
    )


# --- nothing was readable --------------------------------------------------------------------------------------


def _refused(evidence: Evidence, mine: Sequence[Showing], refused: Refusals) -> AuditFinding | None:
    destination, stack = mine[0].contact.destination, mine[0].contact.stack
    works = evidence.baseline(destination, stack).works
    tested = [each for each in mine if each.contact.condition is Condition.TRUSTED_CA]

    def inconclusive(reason: str) -> AuditFinding:
        return AuditFinding(AuditWord.INCONCLUSIVE, reason, stack)

    if not works and all(each.what is What.NOTHING for each in mine):
        return None
    if not works:
        return inconclusive("it was never seen to work when passed through, so a refusal says nothing" + why(mine))
    if not tested:
        return inconclusive("the test CA was never shown to it")
    if idle := evidence.unexplained_open(destination, stack):
        return inconclusive(f"{connections(idle)} stood open without data at the end: a timeout is no refusal")
    count = len(refused.counted)
    seen = sum(each.what in REFUSALS for each in tested)
    if not count or min(seen, len(evidence.refusals_of_chains(destination, stack).counted)) < ENOUGH:
        excuses = "; ".join(refused.excuses)
        said = "it was refused only once" if count else "no refusal of the test CA counts"
        return inconclusive(said + (f": {excuses}" if excuses else "") + why(tested))
    told = f"it refused the test CA {times(count)} without sending data ({stories(refused.counted)})"
    trust = evidence.trust(stack)
    if not trust.shown_at:
        return _trust_unknown(evidence, told, trust, evidence.told_apart(destination, stack), stack)
    if places := evidence.places_not_refused(destination, stack):
        return inconclusive(
            f"{told}, and the same TLS stack trusts the test CA at {trust.shown_at}; but so would a client that "
            f"compares its pin at the wrong place of the list, and no refusal was seen under {', '.join(places)}"
        )
    return AuditFinding(
        AuditWord.PINNED,
        f"{told}, with the genuine certificates at every other place of the list as well; it works when passed "
        f"through, and the same TLS stack trusts the test CA at {trust.shown_at}",
        stack,
    )


def _trust_unknown(evidence: Evidence, told: str, trust: CaTrust, apart: Apart | None, stack: str) -> AuditFinding:
    """Refusals that would do for `pinned`, of a stack of which is not known that it trusts the test CA."""
    difference = ""
    if apart:
        difference = (
            f"; it treats the test CA ({stories(apart.trusted)}) otherwise than one that nobody trusts "
            f"({stories(apart.untrusted)})"
        )
    if apart and apart.completes:
        return AuditFinding(
            AuditWord.INCONCLUSIVE,
            "pinned, or refused for another reason that is not the CA: these cannot be told apart: "
            f"{told}{difference}, so what it checks in the handshake seems to let the test CA through; {_MORE}",
            stack,
        )
    if not evidence.trusted_by_anyone():
        return AuditFinding(
            AuditWord.CA_UNTRUSTED,
            f"pinned, or the test CA is not trusted by it: these cannot be told apart: {told}, and nothing of this app "
            f"was read under the test CA{difference}; {_MORE}{_PLACED}",
            stack,
        )
    unknown = trust.doubt or (
        "it was intercepted nowhere and may have trusted roots of its own" if stack else "it has no fingerprint"
    )
    return AuditFinding(
        AuditWord.INCONCLUSIVE,
        f"{told}, but that this TLS stack trusts the test CA is not known: {unknown}{difference}; {_MORE}{_PLACED}",
        stack,
    )


def _readings(mine: Sequence[Showing], conditions: Iterable[Condition]) -> list[Showing]:
    wanted = set(conditions)
    return [each for each in mine if each.what is What.READ and each.contact.condition in wanted]

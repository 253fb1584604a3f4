"""Bytes decide (T1, T6-T9), and need no control."""

from __future__ import annotations

from pindrill.classify import REFUSALS, SAME_MOMENT, over_at, road, sent_data, shape, spoke_plaintext, story
from pindrill.judge.facts import Finding, StageFacts
from pindrill.judge.words import told
from pindrill.model import Expect, Observation, Said, VerdictWord


def leaks_in(facts: StageFacts) -> list[Finding]:
    """All that are seen; T16 says which counts."""
    return [finding for finding in (_downgrade(facts), *_leaks_to_rogue(facts)) if finding]


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
    found = []
    for seen in facts.seen:
        if seen.plaintext or _expected(seen, facts) not in (Expect.REFUSE, Expect.CONFIG_ERROR_OR_REFUSE):
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


def _expected(seen: Observation, facts: StageFacts) -> Expect:
    """A resumed connection stands for the credential whose session it is (T13)."""
    return facts.anew if facts.anew and not seen.resumed else facts.expected


def _data_to_rogue(seen: Observation, facts: StageFacts) -> Finding:
    report = facts.report
    resumed = road(seen)
    what = f"the client {story(seen)}{',' if resumed else ''} to a server that it must refuse"
    if report.said is Said.ACCEPTED or report.canary_out:
        unchecked = ", without a new check" if resumed else ""
        return Finding(verdict=VerdictWord.FAIL_OPEN, reason=f"{what}{unchecked}, and took the answer")
    retried = any(
        other.accepted_at < seen.accepted_at
        and over_at(other) <= seen.accepted_at + SAME_MOMENT
        and shape(other, report.ending_at) in REFUSALS
        for other in facts.seen
    )
    if retried:
        return Finding(verdict=VerdictWord.DOWNGRADE, reason=f"{what}, on a retry after it had refused")
    return Finding(verdict=VerdictWord.LEAKED, reason=f"{what}, although it {told(report)}")

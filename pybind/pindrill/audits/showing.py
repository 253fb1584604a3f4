"""What one contact shows, in one word: the shapes of `classify`, seen from an interceptor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pindrill.audits.facts import AppRun, Condition, Contact
from pindrill.classify import Shape, over_at, refusal_alert, shape, spoke_plaintext, story

UNTRUSTED = frozenset({Condition.SELF_SIGNED, Condition.UNTRUSTED_CA, Condition.GENUINE_LEAF_WITHOUT_KEY})
"""What anybody can stage, without any authority: who accepts one of them validates nothing."""
EVERY_PLACE = (Condition.GENUINE_ISSUERS_IN_PLACE, Condition.GENUINE_EVERYWHERE)
"""Together they show the genuine certificates wherever a client of the genuine list can look for them but in the first
place, which takes the leaf's key. docs/audit-verdicts.md."""
STAPLED = frozenset(
    {
        Condition.GENUINE_LEAF_APPENDED,
        Condition.GENUINE_ISSUERS_APPENDED,
        Condition.GENUINE_LEAF_SECOND,
        *EVERY_PLACE,
    }
)
NEEDS_GENUINE_CHAIN = STAPLED | {Condition.GENUINE_LEAF_WITHOUT_KEY}
ROGUE = frozenset(Condition) - {Condition.PASS_THROUGH}

# TLS 1.3, type 23: a Finished fills a record of one of these sizes (SHA-256, SHA-384, the padding of JSSE), an alert
# or a KeyUpdate one of at most 35 bytes; what comes after the Finished and is larger is data.
_FINISHED_SIZES = frozenset({53, 69, 85})
_LARGEST_ALERT = 35

PROMPT = 2_000_000_000
"""Nanoseconds. Who leaves later than this after its request may have waited in vain for the answer."""
BRIEF = 50_000_000
"""Nanoseconds. Who leaves sooner than this after the answer may have been about to leave anyway."""


class What(StrEnum):
    READ = "its data was readable"
    CERTIFIED = "its client certificate was readable"
    REFUSED = "refused with an alert"
    CLOSED = "completed the handshake and closed without data"
    VANISHED = "closed without alert or Finished"
    HELD = "completed the handshake and was still open at the end"
    CARRIED = "carried data"
    IDLE = "carried no data"
    PLAIN = "sent a request in plain text"
    NOTHING = "shows nothing"


REFUSALS = frozenset({What.REFUSED, What.CLOSED, What.VANISHED})
SILENT = frozenset({What.CLOSED, What.VANISHED})
"""Refusals that a connection which nobody needed looks like, too."""


@dataclass(frozen=True)
class Showing:
    contact: Contact
    what: What
    why: str
    """The contact in a few words, for people."""
    ended_by_us: bool = False
    """The app was being ended, or died: how the connection ended tells nothing."""


def show(contact: Contact, run: AppRun | None = None) -> Showing:
    ending_at = run.ending_at if run else 0
    death = run.death if run else ""
    what, why = _what(contact, ending_at)
    if what in REFUSALS and death:
        return Showing(contact, What.NOTHING, f"{why}, but the app {death}: a dead client refuses nothing", True)
    return Showing(contact, what, why, bool(death or (ending_at and over_at(contact.seen) >= ending_at)))


def _what(contact: Contact, ending_at: int) -> tuple[What, str]:
    seen = contact.seen
    if contact.plaintext_forwarded or seen.plaintext:
        if spoke_plaintext(seen):
            return What.PLAIN, story(seen) + (f"; {contact.failure}" if contact.failure else "")
        return What.NOTHING, "sent bytes that are neither TLS nor a request that is known"
    if contact.condition is Condition.PASS_THROUGH:
        return _passed(contact)
    if contact.condition is None:
        return What.NOTHING, story(seen, ending_at)
    if seen.data_bytes:
        return What.READ, story(seen)
    if seen.client_certificate:
        return What.CERTIFIED, "sent its client certificate to the interceptor"
    if spoke_plaintext(seen):
        return What.PLAIN, story(seen)
    what, why = _without_data(contact, ending_at)
    if what in SILENT:
        if contact.failure:
            return What.NOTHING, f"could not be judged: {contact.failure}"
        if _server_left_first(contact):
            return What.NOTHING, "sent nothing until the server closed the connection"
    elif what is not What.REFUSED and (trouble := contact.upstream_failure or contact.failure):
        return What.NOTHING, f"could not be judged: {trouble}"
    return what, why


def _server_left_first(contact: Contact) -> bool:
    """By its close_notify, which is handed on, or without one."""
    left = over_at(contact.seen)
    handed_on = any(each.sent and each.at <= left for each in contact.seen.alerts)
    return handed_on or 0 < contact.upstream_ended_at <= left


def _without_data(contact: Contact, ending_at: int) -> tuple[What, str]:
    seen = contact.seen
    told = story(seen, ending_at)
    match shape(seen, ending_at):
        case Shape.ALERT:
            return What.REFUSED, told
        case Shape.AFTER_HANDSHAKE if refusal_alert(seen) is not None:
            return What.REFUSED, told
        case Shape.AFTER_HANDSHAKE:
            return What.CLOSED, told
        case Shape.SILENT_FIN:
            return What.VANISHED, told
        case Shape.SILENT_RESET:
            return What.NOTHING, f"{told}, which a client that died does as well"
        case Shape.OPEN if seen.finished_at:
            return What.HELD, "completed the handshake and was still open at the end, without data"
        case Shape.OPEN:
            return What.NOTHING, "was still open at the end, before its handshake was complete"
        case _:
            return What.NOTHING, told


def _passed(contact: Contact) -> tuple[What, str]:
    if contact.upstream_failure or contact.failure:
        return What.NOTHING, f"was not passed through: {contact.upstream_failure or contact.failure}"
    if carried_data(contact):
        return What.CARRIED, "was passed through and carried data"
    return What.IDLE, "was passed through and carried no data"


def carried_data(contact: Contact) -> bool:
    """Of encrypted records only kind and size are known (rule R9)."""
    records = contact.passed_records
    if not contact.upstream_bytes or not records or not contact.passed_version:
        return False
    if not contact.passed_version.endswith("1.3"):
        return True
    finished = next((place for place, size in enumerate(records) if size in _FINISHED_SIZES), 0)
    return any(size > _LARGEST_ALERT for size in records[finished + 1 :])


def answered_at(contact: Contact) -> int:
    """When the first byte of an answer was on its way to the client (0: never)."""
    return contact.answered_at or contact.seen.response_sent_at


class Leaving(StrEnum):
    """How a client that was read gave the connection up, seen from the answer."""

    BEFORE = "before"
    """By its own choice, and too soon to have lost patience."""
    JUST_AFTER = "just after"
    """Most clients that take an answer do so; one that never looked at it may have lost the race against it."""
    ANSWERED = "answered"
    UNCLEAR = "unclear"


def leaving(showing: Showing) -> Leaving:
    contact = showing.contact
    left, answered = over_at(contact.seen), answered_at(contact)
    if answered and (not left or left - answered >= BRIEF):
        return Leaving.ANSWERED
    if not left or contact.failure or showing.ended_by_us:
        return Leaving.UNCLEAR
    if answered and answered <= left:
        return Leaving.JUST_AFTER
    if _server_left_first(contact) or left - contact.seen.first_data_at >= PROMPT:
        return Leaving.UNCLEAR
    return Leaving.BEFORE

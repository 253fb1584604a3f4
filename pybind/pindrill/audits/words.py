"""The words of an audit, and the phrases in which its reasons are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pindrill.audits.showing import Showing, What


class AuditWord(StrEnum):
    """In the order in which they count, where the stacks of a destination differ."""

    NO_VALIDATION = "no-validation"
    WRONG_CERTIFICATE = "wrong-certificate"
    FALLBACK = "fallback"
    INTERCEPTED = "intercepted"
    LEAKED = "leaked"
    MIXED = "mixed"
    INCONCLUSIVE = "inconclusive"
    CA_UNTRUSTED = "ca-untrusted"
    PINNED = "pinned"
    NOT_CONTACTED = "not-contacted"


FAILURES = frozenset(tuple(AuditWord)[:6])
UNDECIDED = frozenset({AuditWord.INCONCLUSIVE, AuditWord.CA_UNTRUSTED, AuditWord.NOT_CONTACTED})


@dataclass(frozen=True)
class AuditFinding:
    word: AuditWord
    reason: str
    stack: str


def what_was_read(read: Sequence[Showing]) -> str:
    count = sum(each.contact.seen.data_bytes for each in read)
    conditions = ", ".join(dict.fromkeys(str(each.contact.condition) for each in read))
    line = next((each.contact.seen.request_line for each in read if each.contact.seen.request_line), "")
    return f"{count} bytes were readable under {conditions} on {connections(len(read))}" + (
        f" ({line})" if line else ""
    )


def of_all(read: Sequence[Showing], mine: Sequence[Showing]) -> str:
    conditions = {each.contact.condition for each in read}
    every = sum(each.contact.condition in conditions for each in mine)
    return f", {every} in all" if every > len(read) else ""


def why(showings: Sequence[Showing]) -> str:
    reasons = dict.fromkeys(each.why for each in showings if each.what in (What.NOTHING, What.HELD))
    return f": {'; '.join(reasons)}" if reasons else ""


def stories(showings: Sequence[Showing]) -> str:
    return ", ".join(dict.fromkeys(each.why for each in showings))


def named(stack: str) -> str:
    return f"TLS stack {stack}" if stack else "what has no known TLS stack"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def connections(count: int) -> str:
    return f"{count} connection" + ("s" if count != 1 else "")

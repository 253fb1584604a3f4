"""Planned chains, and what shipped pins make of them. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pindrill import _core
from pindrill.pinfiles import LintFinding, Severity

Instant = int
"""Seconds since the epoch, as certificates count."""
Whose = Literal["leaf", "intermediate", "root"]


class Status(StrEnum):
    """What a correct client that ships a pin file does with a chain, from worst to best."""

    LOCKED_OUT = "locked-out"
    UNPROTECTED = "unprotected"
    """It connects, and no pin had a say."""
    DIFFERS = "differs"
    """Correct clients of this format differ: by the path they choose, or by their time zone."""
    UNKNOWN = "unknown"
    ACCEPTS = "accepts"


VIOLATED = frozenset({Status.LOCKED_OUT, Status.UNPROTECTED})
UNJUDGED = frozenset({Status.DIFFERS, Status.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The roots that devices trust."""

    certificates: tuple[_core.Certificate, ...]
    assumed: str = ""
    """Where they were not given: what is taken for granted, as a sentence."""
    complete: bool = True
    """False: the root is not known, so a pin on its key cannot be compared."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What a server shows, leaf first, and what devices trust meanwhile."""

    name: str
    certificates: tuple[_core.Certificate, ...]
    trust: Trust
    stands_for: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where the real certificates are not here: hex digest of a real key or certificate -> of its stand-in."""

    @property
    def leaf(self) -> _core.Certificate:
        return self.certificates[0]


@dataclass(frozen=True, kw_only=True)
class State:
    status: Status
    reason: str


@dataclass(frozen=True, kw_only=True)
class CarryingPin:
    """A pin that would be enough by itself."""

    text: str
    line: int
    whose: Whose
    subject: str

    def to_json(self) -> dict[str, Any]:
        return {"pin": self.text, "line": self.line, "whose": self.whose, "subject": self.subject}


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One pin file, one chain, one host: the answer, what carries it, and until when it holds."""

    file: str
    format: str
    line: int
    host: str
    chain: str
    status: Status
    reason: str
    pins: tuple[CarryingPin, ...] = ()
    until: Instant | None = None
    """From then on the answer is another; None: nothing that is known changes it."""
    then: State | None = None
    assumed: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "format": self.format,
            "line": self.line,
            "host": self.host,
            "chain": self.chain,
            "status": self.status.value,
            "reason": self.reason,
            "pins": [pin.to_json() for pin in self.pins],
            "until": None if self.until is None else moment(self.until),
            "then": None if self.then is None else {"status": self.then.status.value, "reason": self.then.reason},
            "assumed": self.assumed,
        }

    @property
    def finding(self) -> LintFinding | None:
        """As a lint line; None where the chain is accepted by a pin."""
        if self.status is Status.ACCEPTS:
            return None
        return LintFinding(
            file=self.file,
            line=max(self.line, 1),
            rule=f"preflight-{self.status.value}",
            severity=Severity.ERROR if self.status in VIOLATED else Severity.WARNING,
            message=f"{self.chain} for {self.host}: {WORDS[self.status]}: {self.reason}",
            effect=_EFFECT[self.status],
            fix=_FIX[self.status],
        )


WORDS = {
    Status.LOCKED_OUT: "locked out",
    Status.UNPROTECTED: "connects without a pin",
    Status.DIFFERS: "clients differ",
    Status.UNKNOWN: "cannot be said",
    Status.ACCEPTS: "accepts",
}
_EFFECT = {
    Status.LOCKED_OUT: "every installed app with this file loses its connection when the chain is deployed",
    Status.UNPROTECTED: "any trusted CA's certificate is accepted: interception is possible",
    Status.DIFFERS: "some installed apps accept this chain and some do not",
    Status.UNKNOWN: "nobody knows before the deployment",
}
_FIX = {
    Status.LOCKED_OUT: "deploy a chain that a shipped pin covers, or ship a pin for this one first",
    Status.UNPROTECTED: "ship a pin set that covers the host and has not expired",
    Status.DIFFERS: "present a chain of which every path holds a pinned key, on another day than the expiration",
    Status.UNKNOWN: "give what is missing, such as --trust or --host",
}


def moment(instant: Instant) -> str:
    """RFC 3339, UTC."""
    return f"{as_datetime(instant):%Y-%m-%dT%H:%M:%SZ}"


def as_datetime(instant: Instant) -> datetime:
    """The last year that a calendar has stands for everything behind it."""
    try:
        return datetime.fromtimestamp(instant, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime(9999, 12, 31, tzinfo=UTC)


def exit_code(statuses: Sequence[Status]) -> int:
    if VIOLATED & set(statuses):
        return 1
    return 3 if UNJUDGED & set(statuses) or not statuses else 0

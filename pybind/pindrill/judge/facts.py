"""What is judged, and what a judgement is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pindrill.model import ClientReport, Expect, Observation, Stray, VerdictWord

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
    clock: str = ""
    """Why the refusal of the genuine server is one of its dates alone, where it is."""


@dataclass(frozen=True, kw_only=True)
class StageFacts:
    """Everything that is known about one stage: what the server saw, what the client's side shows."""

    expected: Expect
    seen: Sequence[Observation]
    """The connections that were shown this stage's credential."""
    report: ClientReport
    strays: Sequence[Stray] = ()
    anew: Expect | None = None
    """What a full handshake has to come to, where `expected` is of one that resumes a session."""
    pinned: bool = True
    """Not where the client was told to do without pins."""
    pins_known: bool = True
    """Not where pins may be compiled in that nobody told of: then a refusal may be right."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    verdict: VerdictWord
    reason: str
    attribution: Attribution = "unknown"
    needs_repeat: bool = False
    """It rests on a refusal without an alert, which counts only if it happens again (T3)."""
    vacuous: str = ""
    """Why nothing was tried, of a pass (T17)."""

"""A rotation plan as values: dated steps, what is served around them, who is in the field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pindrill.pinfiles import PinFile
from pindrill.preflight.model import Chain, Instant
from pindrill.preflight.server import ServedChain

Do = Literal["renew", "rekey", "switch-ca", "add-root", "remove-root"]
DOABLE: tuple[Do, ...] = get_args(Do)
DAY = 86400
_BACKDATED = 3600
"""CAs begin the validity a little before they issue, for clocks that are late."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """Apps in the field that ship the same pins. `share`: percent of all; None: not counted."""

    name: str
    files: tuple[PinFile, ...]
    share: float | None = None
    adoption: float = 0.0
    """Percentage points a week that move to it from the versions above it, in proportion to what they have."""
    since: Instant | None = None
    """When that begins; None: with the plan."""


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """The files that a step names, as they stand in the plan; for commands in a runbook."""

    chain: Path | None = None
    key: Path | None = None
    csr: Path | None = None
    issuers: Path | None = None
    root: Path | None = None


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    number: int
    name: str
    do: Do
    at: Instant
    line: int
    given: StepInputs
    before: Chain
    after: Chain
    servers: tuple[ServedChain, ServedChain]
    """Before and after, for whoever makes other certificates of the same shape."""
    any_day: Chain
    """As `after`; where its certificate is still to be issued, one that is valid on whatever day that happens."""

    @property
    def issued_later(self) -> bool:
        """Its certificate is not here yet: a stand-in with the key and the issuer that the plan names is asked."""
        return self.after != self.any_day


@dataclass(frozen=True, kw_only=True)
class Plan:
    path: Path
    hosts: tuple[str, ...]
    current: Chain
    current_file: Path
    trust_file: Path | None
    steps: tuple[PlanStep, ...]
    versions: tuple[Version, ...]
    start: Instant
    end: Instant
    rollout: int = 0
    """Seconds for which old and new are served at once: a rolling deployment, the halves of a CDN."""
    tickets: int = 0
    """Seconds for which a session ticket lives: so long a client need not see the new certificate."""
    tolerance: float = 0.0
    """Percent of all that may be locked out or unprotected."""

    @property
    def counted(self) -> bool:
        """Shares are known."""
        return any(version.share is not None for version in self.versions)

    def served(self, at: Instant) -> tuple[Chain, ...]:
        """The old before the new while a step rolls out."""
        done = [step for step in self.steps if step.at <= at]
        if not done:
            return (self.current,)
        if at < done[-1].at + self.rollout:
            return (done[-1].before, done[-1].after)
        return (done[-1].after,)


def validity_of(issued: Instant, days: int) -> tuple[Instant, Instant]:
    return issued - _BACKDATED, issued + days * DAY

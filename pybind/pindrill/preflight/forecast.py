"""The share of the field that is locked out, over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pindrill.preflight.model import UNJUDGED, VIOLATED, Instant, Status, moment
from pindrill.preflight.plan import DAY, Plan
from pindrill.preflight.review import LockOut, Reviewer

_WEEK = 7 * DAY
_EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class ShareRow:
    """Percent of all at one instant."""

    at: Instant
    accepts: float = 0.0
    locked_out: float = 0.0
    partly: float = 0.0
    """Locked out by some of the servers, while a step rolls out."""
    unprotected: float = 0.0
    unknown: float = 0.0
    """Cannot be said, or differs from device to device."""
    unlisted: float = 0.0
    """In no line of the table."""

    @property
    def hurt(self) -> float:
        return self.locked_out + self.partly + self.unprotected

    def to_json(self) -> dict[str, Any]:
        names = ("accepts", "locked_out", "partly", "unprotected", "unknown", "unlisted")
        return {
            "kind": "forecast",
            "at": moment(self.at),
            **{name: round(getattr(self, name), 2) for name in names},
        }


def forecast(reviewer: Reviewer) -> list[ShareRow]:
    """Weekly, and whenever something changes. Empty when no shares are known."""
    plan = reviewer.plan
    if not plan.counted:
        return []
    instants = sorted({*reviewer.instants(), *range(plan.start, plan.end + 1, _WEEK)})
    return [_row(reviewer, instant) for instant in instants]


def _row(reviewer: Reviewer, at: Instant) -> ShareRow:
    sums: dict[str, float] = {}
    shares = reviewer.shares.at(at)
    for version, share in zip(reviewer.plan.versions, shares, strict=True):
        if share > 0:
            state, _, partly = reviewer.situation(version, at)
            name = _column(state.status, partly)
            sums[name] = sums.get(name, 0.0) + share
    return ShareRow(at=at, unlisted=max(0.0, 100 - sum(shares)), **sums)


def _column(status: Status, partly: bool) -> str:
    if status is Status.LOCKED_OUT and partly:
        return "partly"
    if status in UNJUDGED:
        return "unknown"
    return {Status.LOCKED_OUT: "locked_out", Status.UNPROTECTED: "unprotected"}.get(status, "accepts")


def worst_status(plan: Plan, found: Sequence[LockOut], rows: Sequence[ShareRow]) -> Status:
    """What the plan comes to: what is tolerated does not count."""
    if rows:
        if max(row.hurt for row in rows) > plan.tolerance + _EPSILON:
            return Status.LOCKED_OUT
        return Status.UNKNOWN if any(row.unknown > plan.tolerance + _EPSILON for row in rows) else Status.ACCEPTS
    if any(problem.status in VIOLATED for problem in found):
        return Status.LOCKED_OUT
    return Status.UNKNOWN if found else Status.ACCEPTS

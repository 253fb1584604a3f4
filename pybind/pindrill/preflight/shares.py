"""How many have which version, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pindrill.preflight.model import Instant
from pindrill.preflight.plan import DAY, Version

_WEEK = 7
_NOTHING = 1e-9


class Shares:
    """Percent of all, from the start on. A version grows by its adoption, at the cost of those above it."""

    def __init__(self, versions: Sequence[Version], start: Instant, end: Instant) -> None:
        self._start = start
        self._days = [[version.share or 0.0 for version in versions]]
        for day in range((end - start) // DAY + 1):
            self._days.append(_next(versions, self._days[-1], start + day * DAY, start))

    def at(self, instant: Instant) -> list[float]:
        """In the order of the versions."""
        day, rest = divmod(max(0, instant - self._start), DAY)
        day = min(day, len(self._days) - 2)
        before, after = self._days[day], self._days[day + 1]
        return [old + (new - old) * rest / DAY for old, new in zip(before, after, strict=True)]

    def turning_points(self) -> set[Instant]:
        """The days on which a version comes into the field, or leaves it."""
        pairs = list(pairwise(self._days))
        return {
            self._start + (day + 1) * DAY
            for day, (before, after) in enumerate(pairs)
            if any((old > 0) != (new > 0) for old, new in zip(before, after, strict=True))
        }


def _next(versions: Sequence[Version], before: Sequence[float], day: Instant, start: Instant) -> list[float]:
    shares = list(before)
    for number, version in enumerate(versions):
        if not version.adoption or day < (start if version.since is None else version.since):
            continue
        older = sum(shares[:number])
        moved = min(version.adoption / _WEEK, older)
        if older > 0:
            shares[:number] = [_kept(share - moved * share / older) for share in shares[:number]]
            shares[number] += moved
    return shares


def _kept(share: float) -> float:
    """What rounding leaves of nothing is nothing."""
    return share if share > _NOTHING else 0.0

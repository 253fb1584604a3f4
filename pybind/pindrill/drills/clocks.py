"""Is it the client's clock? Whoever refuses the genuine server for its dates is asked again with other dates.

A client takes a certificate for expired by its own clock. Where that differs from ours, what it must accept looks wrong
to it, and what it must refuse looks right.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pindrill import _core
from pindrill.dates import ANY_TIME, Dates, at_any_time
from pindrill.judge import Control, Finding
from pindrill.model import PinsOf, Scenario, Served, VerdictWord

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class OtherDates:
    """The same servers at a client of which only the clock may be wrong."""

    leaf: Dates
    issuer: Dates

    def __str__(self) -> str:
        return " to ".join(f"{datetime.now(UTC) + each:%Y-%m-%d}" for each in self.leaf)

    def of(self, scenario: Scenario) -> Scenario:
        return replace(
            scenario,
            stages=tuple(
                replace(stage, serve=self._served(stage.serve), pins=stage.pins and self._pins(stage.pins))
                for stage in scenario.stages
            ),
            pins=self._pins(scenario.pins),
            genuine=self._served(scenario.genuine),
            trust=tuple(_root(each) for each in scenario.trust),
        )

    def _pins(self, pins: PinsOf) -> PinsOf:
        third = pins.third and self._served(pins.third)
        return replace(pins, pinned=self._served(pins.pinned), backup=self._served(pins.backup), third=third)

    def _served(self, served: Served) -> Served:
        begin, end = self.leaf
        issuers = (_root(served.issuers[0]), *served.issuers[1:]) if served.issuers else ()
        return replace(served, not_before=begin, not_after=end, issuers=issuers, issuer_dates=self.issuer)


AskWithOtherDates = Callable[[OtherDates], Control]
"""How the genuine twin goes with other dates."""
BY_A_WRONG_CLOCK = frozenset({VerdictWord.FAIL_OPEN, VerdictWord.LEAKED})
"""What a client whose clock is wrong does where dates are the point, without a mistake of its own."""


def _root(label: str) -> str:
    return f"{label.partition('@')[0]}@{ANY_TIME}"


def other_dates() -> tuple[OtherDates, ...]:
    """What may be accepted where ordinary dates are not: some platforms refuse a leaf that is valid for decades."""
    issuer = at_any_time(inside=_DAY)
    return (
        OtherDates(leaf=at_any_time(inside=2 * _DAY), issuer=issuer),
        OtherDates(leaf=(-425 * _DAY, -28 * _DAY), issuer=issuer),
        OtherDates(leaf=(365 * _DAY, 762 * _DAY), issuer=issuer),
    )


def around_now() -> OtherDates:
    """Valid only by a clock that is right to an hour and to a day."""
    return OtherDates(leaf=(timedelta(hours=-1), _DAY), issuer=at_any_time(inside=_DAY))


def blamed(ask: AskWithOtherDates, genuine: _core.Certificate) -> str:
    """Of a client that refuses the genuine server: whether only its dates are the reason, in words."""
    accepted = next((dates for dates in other_dates() if ask(dates) is Control.ACCEPTED), None)
    # Its issuers were certified again for that: with its own dates it must still be refused.
    if accepted is None or ask(_own_dates(genuine)) is not Control.REFUSED:
        return ""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (genuine.not_before, genuine.not_after))
    return (
        f"the client refuses the genuine server for its dates alone, {first:%Y-%m-%d} to {last:%Y-%m-%d}, and accepts "
        f"{accepted}: {_REMEDY}"
    )


def believed(ask: AskWithOtherDates, scenario: Scenario, leak: Finding) -> Finding:
    """Dates that are wrong by our clock are right by another: such a leak is believed of a right clock only."""
    about_dates = any(_has_wrong_dates(stage.serve) for stage in scenario.stages)
    right = around_now()
    if not about_dates or leak.verdict not in BY_A_WRONG_CLOCK or ask(right) is not Control.REFUSED:
        return leak
    return Finding(
        verdict=VerdictWord.INCONCLUSIVE,
        reason=f"it accepts these dates, but refuses the genuine server with {right}, which is today: {_REMEDY}",
    )


def _own_dates(leaf: _core.Certificate) -> OtherDates:
    """To the hour, so that all cells share one."""
    now = time.time()
    begin, end = (timedelta(hours=(at - now) // 3600) for at in (leaf.not_before, leaf.not_after))
    return OtherDates(leaf=(begin, end), issuer=at_any_time(inside=_DAY))


def _has_wrong_dates(served: Served) -> bool:
    return served.issuer_dates is not None or served.not_after < timedelta() or served.not_before > timedelta()


_REMEDY = "the clocks of the client and of pindrill differ; set them right and drill again"

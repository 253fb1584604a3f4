"""A plan checked step by step and between the steps, and the last safe date of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pindrill.preflight.course import Course, Courses, worst
from pindrill.preflight.model import Chain, Instant, State, Status, moment
from pindrill.preflight.plan import DAY, Plan, PlanStep, Version
from pindrill.preflight.shares import Shares

_EPSILON = 1e-9


@dataclass(frozen=True, kw_only=True)
class PhaseReview:
    """One version in one phase of a step."""

    version: str
    state: State
    until: Instant | None = None
    then: State | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "status": self.state.status.value,
            "reason": self.state.reason,
            "until": None if self.until is None else moment(self.until),
            "then": None if self.then is None else self.then.status.value,
        }


@dataclass(frozen=True, kw_only=True)
class StepReview:
    step: PlanStep
    during: tuple[PhaseReview, ...]
    """While it rolls out: with the old chain and with the new one."""
    after: tuple[PhaseReview, ...]
    """The new chain, when it has rolled out."""
    back: tuple[PhaseReview, ...]
    """The old chain again, were it rolled back when it has rolled out."""
    safe: bool
    """As planned: nobody who was accepted before loses that, or not more than is tolerated."""
    first_safe: Instant | None
    last_safe: Instant | None
    """Days on which it could begin."""
    limit: str
    """What ends the safe days."""
    sessions_until: Instant
    """So long a session ticket from before may hide a lock-out, or keep a retired key in use."""

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "step",
            "number": self.step.number,
            "name": self.step.name,
            "do": self.step.do,
            "line": self.step.line,
            "date": moment(self.step.at),
            "safe": self.safe,
            "first_safe": None if self.first_safe is None else moment(self.first_safe),
            "last_safe": None if self.last_safe is None else moment(self.last_safe),
            "limit": self.limit,
            "sessions_until": moment(self.sessions_until),
            "stand_in": self.step.issued_later,
            "during": [phase.to_json() for phase in self.during],
            "after": [phase.to_json() for phase in self.after],
            "back": [phase.to_json() for phase in self.back],
        }


@dataclass(frozen=True, kw_only=True)
class Hurt:
    """A version that does not accept, by which chain."""

    version: Version
    number: int
    chain: str
    state: State

    def __str__(self) -> str:
        return f"{self.version.name} {_HURT_WORDS[self.state.status]} {self.chain}: {self.state.reason}"


_HURT_WORDS = {
    Status.LOCKED_OUT: "is locked out by",
    Status.UNPROTECTED: "connects without a pin to",
    Status.DIFFERS: "differs from device to device with",
    Status.UNKNOWN: "cannot be judged with",
    Status.ACCEPTS: "accepts",
}


class Reviewer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.courses = Courses(plan.hosts, plan.start, plan.end + plan.rollout)
        self.shares = Shares(plan.versions, plan.start, plan.end + plan.rollout)

    def steps(self) -> list[StepReview]:
        begins = [self.plan.start, *(step.at + self.plan.rollout for step in self.plan.steps)]
        return [self._step(step, begin) for step, begin in zip(self.plan.steps, begins, strict=False)]

    def _step(self, step: PlanStep, begin: Instant) -> StepReview:
        end = step.at + self.plan.rollout
        counted = [version for number, version in enumerate(self.plan.versions) if self.present(number, end)]
        first, last, limit = self._safe_days(step, begin)
        return StepReview(
            step=step,
            during=tuple(self._during(version, step) for version in counted),
            after=tuple(self._from(version, step.after, end) for version in counted),
            back=tuple(self._from(version, step.before, end) for version in counted),
            safe=self._tolerable(self._hurt(step, step.after, step.at, begin), step.at),
            first_safe=first,
            last_safe=last,
            limit=limit,
            sessions_until=end + self.plan.tickets,
        )

    def _during(self, version: Version, step: PlanStep) -> PhaseReview:
        chains = [step.before, step.after] if self.plan.rollout else [step.after]
        end = step.at + self.plan.rollout
        return PhaseReview(
            version=version.name,
            state=worst([self.courses.of(version, chain).between(step.at, end) for chain in chains]),
        )

    def _from(self, version: Version, chain: Chain, instant: Instant) -> PhaseReview:
        course = self.courses.of(version, chain)
        change = course.change_after(instant)
        until, then = change if change else (None, None)
        return PhaseReview(version=version.name, state=course.at(instant), until=until, then=then)

    # --- safe days -----------------------------------------------------------------------------------------

    def _safe_days(self, step: PlanStep, begin: Instant) -> tuple[Instant | None, Instant | None, str]:
        """The first run of days on which it could begin, and what ends it."""
        first: Instant | None = None
        why = f"not a day from {_day(begin)} to {_day(self.plan.end)}"
        for day in range(-(-begin // DAY) * DAY, self.plan.end + 1, DAY):
            hurt = self._hurt(step, step.any_day, day, begin)
            if self._tolerable(hurt, day):
                first = day if first is None else first
                continue
            if first is None:
                why = _told(hurt)
                continue
            return first, day - DAY, f"begun on {_day(day)}, {_told(hurt)}"
        if first is None:
            return None, None, why
        return first, None, f"every day until {_day(self.plan.end)}, where the plan ends"

    def _hurt(self, step: PlanStep, after: Chain, at: Instant, begin: Instant) -> list[Hurt]:
        """Who was accepted before the step, and is not while or when it has rolled out.

        Where nobody was, there is nothing to lose: then it is whoever is not accepted by what it leads to.
        """
        there = self._there(at)
        accepted = [
            number
            for number in there
            if self._course(number, step.before).at(self._came(number, begin)).status is Status.ACCEPTS
        ]
        chains = (step.before, after) if accepted else (after,)
        found = (self._first_hurt(number, chains, at) for number in accepted or there)
        return [hurt for hurt in found if hurt]

    def _there(self, at: Instant) -> list[int]:
        """The versions in the field while a step rolls out that begins then."""
        end = at + self.plan.rollout
        return [each for each in range(len(self.plan.versions)) if self.present(each, at) or self.present(each, end)]

    def _came(self, number: int, begin: Instant) -> Instant:
        return max(begin, self.plan.versions[number].since or begin)

    def _course(self, number: int, chain: Chain) -> Course:
        return self.courses.of(self.plan.versions[number], chain)

    def _first_hurt(self, number: int, chains: Sequence[Chain], at: Instant) -> Hurt | None:
        for chain in chains:
            state = self._course(number, chain).between(at, at + self.plan.rollout)
            if state.status is not Status.ACCEPTS:
                return Hurt(version=self.plan.versions[number], number=number, chain=chain.name, state=state)
        return None

    def _tolerable(self, hurt: Sequence[Hurt], at: Instant) -> bool:
        if not self.plan.counted:
            return not hurt
        shares = [max(pair) for pair in zip(self.shares.at(at), self.shares.at(at + self.plan.rollout), strict=True)]
        return sum(shares[each.number] for each in hurt) <= self.plan.tolerance + _EPSILON

    def present(self, number: int, at: Instant) -> bool:
        version = self.plan.versions[number]
        return version.share is None or self.shares.at(at)[number] > 0

    # --- between the steps ---------------------------------------------------------------------------------

    def situation(self, version: Version, at: Instant) -> tuple[State, Chain, bool]:
        """The worst of what is served then, by which chain, and whether another server would do better."""
        told = [(self.courses.of(version, chain).at(at), chain) for chain in self.plan.served(at)]
        state = worst([each for each, _ in told])
        chain = next(chain for each, chain in told if each == state)
        return state, chain, any(each.status is not state.status for each, _ in told)

    def instants(self) -> list[Instant]:
        """Whenever anything changes."""
        plan = self.plan
        points = {plan.start, plan.end}
        points |= {edge for step in plan.steps for edge in (step.at, step.at + plan.rollout)}
        points |= {version.since for version in plan.versions if version.since} | self.shares.turning_points()
        for version in plan.versions:
            for chain in (plan.current, *(step.after for step in plan.steps)):
                points |= {point for point, _ in self.courses.of(version, chain).points}
        return sorted(point for point in points if plan.start <= point <= plan.end)


@dataclass(frozen=True, kw_only=True)
class LockOut:
    """From begin to end a version is not accepted by what is served."""

    version: str
    begin: Instant
    end: Instant
    status: Status
    partly: bool
    """Only by some of the servers: a roll-out is on."""
    chain: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "problem",
            "version": self.version,
            "from": moment(self.begin),
            "to": moment(self.end),
            "status": self.status.value,
            "partly": self.partly,
            "chain": self.chain,
            "reason": self.reason,
        }


def problems(reviewer: Reviewer) -> list[LockOut]:
    """Over the whole plan, not only at its steps."""
    return [problem for number in range(len(reviewer.plan.versions)) for problem in _problems(reviewer, number)]


def _problems(reviewer: Reviewer, number: int) -> Iterator[LockOut]:
    version, instants = reviewer.plan.versions[number], reviewer.instants()
    open_: LockOut | None = None
    for begin, end in zip(instants, [*instants[1:], reviewer.plan.end], strict=True):
        state, chain, partly = reviewer.situation(version, begin)
        bad = state.status is not Status.ACCEPTS and reviewer.present(number, begin) and begin < end
        now = LockOut(
            version=version.name,
            begin=begin,
            end=end,
            status=state.status,
            partly=partly,
            chain=chain.name,
            reason=state.reason,
        )
        if open_ and bad and _same(open_, now):
            now = LockOut(**{**open_.__dict__, "end": end})
        elif open_:
            yield open_
        open_ = now if bad else None
    if open_:
        yield open_


def _same(one: LockOut, other: LockOut) -> bool:
    return (one.status, one.partly, one.chain, one.reason) == (other.status, other.partly, other.chain, other.reason)


def _told(hurt: Sequence[Hurt]) -> str:
    more = f", and {len(hurt) - 1} more" if len(hurt) > 1 else ""
    return f"{hurt[0]}{more}"


def _day(instant: Instant) -> str:
    return moment(instant)[:10]

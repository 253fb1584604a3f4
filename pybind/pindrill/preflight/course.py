"""What becomes of an app over time while one chain is served: a state from each point on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pindrill.preflight.model import Chain, Instant, State, Status
from pindrill.preflight.outlook import timeline
from pindrill.preflight.plan import Version

_WORST = tuple(Status)


@dataclass(frozen=True)
class Course:
    points: tuple[tuple[Instant, State], ...]

    def at(self, instant: Instant) -> State:
        return self.points[max(0, self._index(instant))][1]

    def between(self, begin: Instant, end: Instant) -> State:
        """The worst of all that hold from begin to end."""
        states = [state for _, state in self.points[max(0, self._index(begin)) : self._index(end) + 1]]
        return worst(states)

    def change_after(self, instant: Instant) -> tuple[Instant, State] | None:
        """To another status."""
        now = self.at(instant).status
        following = self.points[self._index(instant) + 1 :]
        return next((point for point in following if point[1].status is not now), None)

    def _index(self, instant: Instant) -> int:
        return bisect_right(self.points, instant, key=lambda point: point[0]) - 1


class Courses:
    """Made once for every pin file and chain; versions that ship the same files share them."""

    def __init__(self, hosts: Sequence[str], start: Instant, end: Instant) -> None:
        self._hosts, self._start, self._end = hosts, start, end
        self._made: dict[tuple[tuple[int, ...], int], Course] = {}
        self._kept: list[Chain] = []
        """An identity means nothing once its object is gone."""

    def of(self, version: Version, chain: Chain) -> Course:
        key = (tuple(id(file) for file in version.files), id(chain))
        if key not in self._made:
            self._kept.append(chain)
            self._made[key] = self._course(version, chain)
        return self._made[key]

    def _course(self, version: Version, chain: Chain) -> Course:
        per_host = [
            [Course(tuple(timeline(file, chain, host, self._start, self._end))) for file in version.files]
            for host in self._hosts
        ]
        instants = sorted({point for files in per_host for course in files for point, _ in course.points})
        points: list[tuple[Instant, State]] = []
        for instant in instants:
            state = worst([_of_app(version, [course.at(instant) for course in files]) for files in per_host])
            if not points or points[-1][1] != state:
                points.append((instant, state))
        return Course(tuple(points))


def worst(states: Sequence[State]) -> State:
    return min(states, key=lambda state: _WORST.index(state.status))


def _of_app(version: Version, states: Sequence[State]) -> State:
    """An app with several pin files is refused by any of them, and protected by any of them."""
    if len(states) == 1:
        return states[0]
    order = (Status.LOCKED_OUT, Status.UNKNOWN, Status.DIFFERS, Status.ACCEPTS, Status.UNPROTECTED)
    number = min(range(len(states)), key=lambda each: order.index(states[each].status))
    return replace(states[number], reason=f"{version.files[number].path}: {states[number].reason}")

"""Who is shown what next. A state machine without clock, chance or I/O of its own: the same seed, the same order.

All destinations advance independently, each from what it showed itself. Some steps are taken alone, with all others
passed through: those whose result could otherwise be the work of a refusal elsewhere, and those of destinations that
are not reached while others are intercepted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from pindrill.audits.facts import AppRun, Condition, Contact, Destination, Question
from pindrill.audits.showing import Showing, show
from pindrill.audits.steps import AuditStep, Outcome, StepOutcome, next_step, outcome_of

ATTEMPTS = 3
"""How often a step that showed nothing is taken."""
MISSES = 2
"""How many runs may go by without a contact until a destination is asked alone, and then given up."""
PATIENCE = 20
"""How many contacts of others may go by, where nobody starts the app, until a step alone is given up."""

PlaceKey = tuple[str, Destination]


@dataclass
class _Place:
    """One destination of one client."""

    key: PlaceKey
    done: list[StepOutcome] = field(default_factory=list)
    step: AuditStep | None = None
    shown: list[Showing] = field(default_factory=list)
    asked: int = 0
    """Connections that were given a condition of the step."""
    open: set[int] = field(default_factory=set)
    attempts: int = 0
    contacted: bool = False
    misses: int = 0
    needs_alone: bool = False
    given_up: str = ""

    def take(self, question: Question) -> Condition:
        assert self.step
        condition = self.step.conditions[min(self.asked, len(self.step.conditions) - 1)]
        self.asked += 1
        self.open.add(question.id)
        return condition

    def finish(self) -> None:
        """The step is over; one that showed nothing is taken again."""
        assert self.step
        outcome = outcome_of(self.shown)
        self.attempts += 1
        if outcome is not Outcome.UNCLEAR or self.attempts >= ATTEMPTS:
            self.done.append(StepOutcome(self.step, outcome, self.asked))
            self.attempts = 0
        self.drop()

    def drop(self) -> None:
        self.step, self.shown, self.asked = None, [], 0
        self.open.clear()


class Schedule:
    """`per_start`: somebody starts the app for each step and says `advance` in between; else connections count."""

    def __init__(
        self,
        *,
        per_start: bool,
        seed: int = 0,
        chain_known: Callable[[Destination], bool] = lambda destination: False,
        offered: Collection[Condition] = tuple(Condition),
    ) -> None:
        self.run = 1 if per_start else 0
        self._seed = seed
        self._chain_known = chain_known
        self._offered = offered
        self._places: dict[PlaceKey, _Place] = {}
        self._focus: PlaceKey | None = None
        self._waited = 0
        self._empty_runs = 0

    def next(self, question: Question) -> Condition:
        """What to do with a connection that waits for a decision."""
        place = self._place(question.client, question.destination)
        place.contacted = True
        return self._next_of_run(place, question) if self.run else self._next_of_connection(place, question)

    def note(self, contact: Contact) -> None:
        """A connection has ended."""
        place = self._places.get((contact.client, contact.destination))
        if place is None or contact.id not in place.open:
            return
        place.open.discard(contact.id)
        place.shown.append(show(contact))
        if not self.run and place.step and not place.open and place.asked >= len(place.step.conditions):
            place.finish()
            following = self._following(place)
            if self._focus == place.key and not (following and self._alone(place, following)):
                self._focus = None

    def advance(self, run: AppRun | None = None) -> None:
        """The app has ended, and is started again if not `finished`. Of a run in which it died nothing counts."""
        assert self.run, "only where somebody starts the app"
        self._empty_runs = 0 if any(place.contacted for place in self._places.values()) else self._empty_runs + 1
        for place in self._places.values():
            self._end_of_run(place, died=bool(run and run.death))
        self.run += 1
        self._focus = self._choose_focus()

    def finished(self) -> bool:
        if not self._places:
            return self._empty_runs >= MISSES
        return not any(self._unsettled())

    def skip(self, client: str, destination: Destination) -> None:
        """The tester wants the next condition of a destination."""
        place = self._place(client, destination)
        step = place.step or self._following(place)
        if step:
            place.done.append(StepOutcome(step, outcome_of(place.shown), place.asked))
            place.drop()

    def state(self) -> dict[str, Any]:
        """For people and for export."""
        return {
            "seed": self._seed,
            "run": self.run,
            "alone": str(self._focus[1]) if self._focus else None,
            "destinations": [self._told(place) for place in self._places.values()],
        }

    # --- where somebody starts the app -------------------------------------------------------------------------

    def _next_of_run(self, place: _Place, question: Question) -> Condition:
        if place.step is None:
            step = self._following(place)
            alone = bool(step and self._alone(place, step))
            mine = self._focus == place.key if self._focus else not alone
            if step is None or not mine:
                return Condition.PASS_THROUGH
            place.step = step
        return place.take(question)

    def _end_of_run(self, place: _Place, *, died: bool) -> None:
        contacted, place.contacted = place.contacted, False
        if place.step is not None:
            place.misses = 0
            if died and place.attempts + 1 < ATTEMPTS:
                place.attempts += 1
                place.drop()
            else:
                place.finish()
            return
        step = self._following(place)
        if contacted or step is None:
            return
        if self._focus not in (None, place.key) or (self._focus is None and self._alone(place, step)):
            return  # It was not its turn.
        place.misses += 1
        if place.misses >= MISSES:
            place.misses = 0
            if place.needs_alone or step.alone or self._focus == place.key:
                place.given_up = f"not contacted any more when it was to be shown: {step}"
            place.needs_alone = True

    def _choose_focus(self) -> PlaceKey | None:
        """Together while anybody can go on so; then one after the other."""
        waiting = list(self._unsettled())
        if any(not self._alone(place, step) for place, step in waiting):
            return None
        return waiting[0][0].key if waiting else None

    # --- where nobody does -------------------------------------------------------------------------------------

    def _next_of_connection(self, place: _Place, question: Question) -> Condition:
        if place.step is not None:
            return place.take(question)
        self._lose_patience(place)
        step = self._following(place)
        if step is None or self._focus not in (None, place.key):
            return Condition.PASS_THROUGH
        if self._alone(place, step):
            self._focus, self._waited = place.key, 0
        place.step = step
        return place.take(question)

    def _lose_patience(self, place: _Place) -> None:
        if self._focus is None or self._focus == place.key:
            self._waited = 0
            return
        self._waited += 1
        if self._waited > PATIENCE:
            late = self._places[self._focus]
            late.given_up = "not contacted any more while all others were passed through for it"
            late.drop()
            self._focus, self._waited = None, 0

    # --- common ------------------------------------------------------------------------------------------------

    def _place(self, client: str, destination: Destination) -> _Place:
        key = (client, destination)
        return self._places.setdefault(key, _Place(key))

    def _following(self, place: _Place) -> AuditStep | None:
        if place.given_up:
            return None
        destination = place.key[1]
        return next_step(
            place.done,
            seed=f"{self._seed} {destination}",
            chain_known=self._chain_known(destination),
            offered=self._offered,
            starts=bool(self.run),
        )

    def _alone(self, place: _Place, step: AuditStep) -> bool:
        return step.alone or place.needs_alone

    def _unsettled(self) -> Iterator[tuple[_Place, AuditStep]]:
        for place in self._places.values():
            step = place.step or self._following(place)
            if step is not None:
                yield place, step

    def _told(self, place: _Place) -> dict[str, Any]:
        step = place.step or self._following(place)
        return {
            "client": place.key[0],
            "destination": str(place.key[1]),
            "done": [
                {"step": str(each.step), "outcome": each.outcome.value, "connections": each.connections}
                for each in place.done
            ],
            "now": str(place.step) if place.step else None,
            "next": str(step) if step else None,
            "settled": step is None,
            "given_up": place.given_up,
        }

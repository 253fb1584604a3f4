"""Which condition tells most next, from what the earlier ones showed. Pure: what was done in, the next step out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pindrill.audits.facts import Condition
from pindrill.audits.showing import EVERY_PLACE, NEEDS_GENUINE_CHAIN, STAPLED, Leaving, Showing, What, leaving


@dataclass(frozen=True)
class AuditStep:
    """What the connections to a destination are shown, one after the other; the last for all that follow."""

    conditions: tuple[Condition, ...]
    alone: bool = False
    """All other destinations are passed through meanwhile: nothing else can have stopped the app."""

    def __str__(self) -> str:
        return ", then ".join(self.conditions) + (", alone" if self.alone else "")


class Outcome(StrEnum):
    READ = "read"
    LEFT = "read, left before an answer"
    BRIEF = "read, left just after the answer"
    REFUSED = "refused with an alert"
    SILENT = "closed without data"
    PASSED = "passed through"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class StepOutcome:
    step: AuditStep
    outcome: Outcome
    connections: int


PASS = AuditStep((Condition.PASS_THROUGH,))
TRUSTED = AuditStep((Condition.TRUSTED_CA,))
TRUSTED_ALONE = AuditStep(TRUSTED.conditions, alone=True)
ROGUE_LATER = AuditStep((Condition.PASS_THROUGH, Condition.TRUSTED_CA))
ROGUE_FIRST = AuditStep((Condition.TRUSTED_CA, Condition.PASS_THROUGH))
_UNTRUSTED = (Condition.SELF_SIGNED, Condition.UNTRUSTED_CA)
_READ = frozenset({Outcome.READ, Outcome.LEFT, Outcome.BRIEF})
_SHOWN = {frozenset({Outcome.LEFT}): 3, frozenset({Outcome.BRIEF}): 2, frozenset({Outcome.READ}): 1}
_SHOWN_IF_MIXED = 5
"""How often a client that is read is shown the test CA, by how it left."""


def outcome_of(showings: Sequence[Showing]) -> Outcome:
    what = {each.what for each in showings}
    ways = {leaving(each) for each in showings if each.what is What.READ}
    if ways:
        if not ways <= {Leaving.BEFORE, Leaving.JUST_AFTER}:
            return Outcome.READ
        return Outcome.LEFT if Leaving.BEFORE in ways else Outcome.BRIEF
    if What.REFUSED in what:
        return Outcome.REFUSED
    if what & {What.CLOSED, What.VANISHED}:
        return Outcome.SILENT
    return Outcome.PASSED if what & {What.CARRIED, What.IDLE} else Outcome.UNCLEAR


def next_step(
    done: Sequence[StepOutcome], *, seed: str, chain_known: bool, offered: Collection[Condition], starts: bool
) -> AuditStep | None:
    """None: nothing is left to ask. `starts`: the app is started anew for each step."""
    left = Counter(each.step for each in done)
    for step in _wanted(done, random.Random(seed), starts):  # noqa: S311
        if not all(each in offered for each in step.conditions):
            continue
        if not chain_known and any(each in NEEDS_GENUINE_CHAIN for each in step.conditions):
            continue
        if not left[step]:
            return step
        left[step] -= 1
    return None


def _wanted(done: Sequence[StepOutcome], chance: random.Random, starts: bool) -> Iterator[AuditStep]:
    yield PASS
    yield TRUSTED
    shown = [each.outcome for each in done if each.step in (TRUSTED, TRUSTED_ALONE)]
    if _READ & set(shown):
        yield from _after_reading(done, shown, chance)
    else:
        yield from _after_refusing(done, shown, chance, starts)


def _after_reading(done: Sequence[StepOutcome], shown: Sequence[Outcome], chance: random.Random) -> Iterator[AuditStep]:
    """A stapled chain tells nothing more of a client that takes the plain one."""
    yield from [TRUSTED] * (_SHOWN.get(frozenset(shown), _SHOWN_IF_MIXED) - 1)
    first, *others = _shuffled(chance, (*_UNTRUSTED, Condition.OTHER_HOST, Condition.EXPIRED))
    yield first
    yield PASS
    yield from others
    yield AuditStep((Condition.GENUINE_LEAF_WITHOUT_KEY,))
    yield from _alone_where_silent(done)
    yield PASS


def _after_refusing(
    done: Sequence[StepOutcome], shown: Sequence[Outcome], chance: random.Random, starts: bool
) -> Iterator[AuditStep]:
    silent = Outcome.SILENT in shown
    yield TRUSTED
    yield PASS
    yield from _shuffled(chance, sorted(STAPLED.difference(EVERY_PLACE) if silent else STAPLED))
    yield PASS
    yield from _shuffled(chance, (*_UNTRUSTED, Condition.OTHER_HOST, Condition.GENUINE_LEAF_WITHOUT_KEY))
    yield AuditStep((Condition.EXPIRED,))
    yield PASS
    if not starts or any(each.step == PASS and each.connections > 1 for each in done):
        yield ROGUE_LATER
        yield ROGUE_FIRST
    # Last, for then all others are done as well: nobody waits for what is asked alone.
    if silent:
        yield TRUSTED_ALONE
    if not any(each.outcome in _READ and STAPLED.intersection(each.step.conditions) for each in done):
        closed = [each.step for each in done if each.outcome is Outcome.SILENT]
        yield from [AuditStep((each,), alone=True) for each in EVERY_PLACE if silent or AuditStep((each,)) in closed]
    elif silent:
        yield TRUSTED_ALONE
    yield PASS


def _alone_where_silent(done: Sequence[StepOutcome]) -> Iterator[AuditStep]:
    """That an untrusted certificate is refused here proves the trust in the test CA; it must be beyond doubt."""
    outcomes = [each for each in done if each.step.conditions in ((_UNTRUSTED[0],), (_UNTRUSTED[1],))]
    if outcomes and all(each.outcome is Outcome.SILENT for each in outcomes):
        yield from [AuditStep((each,), alone=True) for each in _UNTRUSTED]


def _shuffled(chance: random.Random, conditions: Sequence[Condition]) -> list[AuditStep]:
    return [AuditStep((each,)) for each in chance.sample(conditions, len(conditions))]

"""Which refusals count, and which stacks are known to trust the test CA. Over all contacts of an audit; pure.

A connection that nobody needed (a pre-connect) looks exactly like a refusal after the handshake, and so does one that
was given up because the app was stopped elsewhere. Refusals without an alert therefore count only beyond the idle
connections of the pass-through runs, and only where no other destination was refused at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import inf

from pindrill.audits.facts import AppRun, Condition, Contact, Destination
from pindrill.audits.showing import (
    EVERY_PLACE,
    REFUSALS,
    ROGUE,
    SILENT,
    STAPLED,
    UNTRUSTED,
    Showing,
    What,
    answered_at,
    show,
)
from pindrill.classify import SAME_MOMENT, over_at

_UNTRUSTED_CERTIFICATE = (Condition.SELF_SIGNED, Condition.UNTRUSTED_CA)


@dataclass(frozen=True)
class Refusals:
    """The refusals of one stack at one destination that count, and why the others do not."""

    counted: tuple[Showing, ...]
    excuses: tuple[str, ...]


@dataclass(frozen=True)
class Apart:
    """How one stack treats the test CA, and how a certificate that nobody trusts, where it tells them apart."""

    trusted: tuple[Showing, ...]
    untrusted: tuple[Showing, ...]
    completes: bool
    """It completes the handshake under the test CA alone: what it checks there let the test CA through."""


@dataclass(frozen=True)
class CaTrust:
    """Whether a stack is known to trust the test CA, from elsewhere."""

    shown_at: Destination | None
    doubt: str
    """Why not, where it is not."""


@dataclass(frozen=True)
class PassThroughHabit:
    """What one stack does at one destination when it is passed through."""

    works: bool
    idle: int
    """The most connections of a run that carried nothing."""
    connections: int
    """The most connections of a run; 0 where nobody starts the app, so that there are no runs to compare."""


class Evidence:
    def __init__(self, contacts: Iterable[Contact], runs: Iterable[AppRun] = ()) -> None:
        starts = {run.number: run for run in runs}
        ordered = sorted(contacts, key=lambda contact: (contact.seen.accepted_at, contact.id))
        self.showings = tuple(show(contact, starts.get(contact.run)) for contact in ordered)
        self._by_place: dict[Destination, list[Showing]] = {}
        for each in self.showings:
            self._by_place.setdefault(each.contact.destination, []).append(each)
        self._troubles = [each for each in self.showings if each.contact.condition in ROGUE and not _went_on(each)]

    def at(self, destination: Destination, stack: str | None = None) -> list[Showing]:
        return [each for each in self._by_place.get(destination, ()) if stack is None or each.contact.stack == stack]

    @property
    def destinations(self) -> tuple[Destination, ...]:
        return tuple(self._by_place)

    def stacks(self, destination: Destination) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.contact.stack for each in self.at(destination) if each.contact.seen.hello))

    def baseline(self, destination: Destination, stack: str) -> PassThroughHabit:
        mine = self.at(destination, stack)
        staged = {each.contact.run for each in mine if each.contact.condition in ROGUE}
        passed = [each for each in mine if each.contact.condition is Condition.PASS_THROUGH]
        clean = [each for each in passed if not each.contact.run or each.contact.run not in staged]
        idle = Counter(each.contact.run for each in clean if each.what is What.IDLE and not self._overshadowed(each))
        every = Counter(each.contact.run for each in clean if each.contact.run)
        return PassThroughHabit(
            works=any(each.what is What.CARRIED for each in clean),
            idle=max(idle.values(), default=0),
            connections=max(every.values(), default=0),
        )

    def refusals(self, destination: Destination, stack: str, conditions: Collection[Condition]) -> Refusals:
        mine = [each for each in self.at(destination, stack) if each.contact.condition in conditions]
        told = [each for each in mine if each.what is What.REFUSED]
        silent = [each for each in mine if each.what in SILENT]
        excuses: list[str] = []
        baseline = self.baseline(destination, stack)
        if silent and not baseline.works:
            excuses.append("without pass-through a connection that closes without data may be one that nobody needed")
            silent = []
        if overshadowed := [each for each in silent if self._overshadowed(each)]:
            excuses.append(
                f"{_connections(len(overshadowed))} closed without data while another destination was refused, "
                "which may have stopped the app"
            )
            silent = [each for each in silent if each not in overshadowed]
        held = [each for each in mine if each.what is What.HELD]
        needed = _beyond(silent, baseline, Counter(each.contact.run for each in held))
        if len(needed) < len(silent):
            excuses.append(
                f"{_connections(len(silent) - len(needed))} closed without data, as some do when passed through"
            )
        if sum(each.what is What.VANISHED for each in needed) == 1:
            excuses.append("one connection closed without alert or Finished, which counts if it happens again")
            needed = [each for each in needed if each.what is not What.VANISHED]
        counted = sorted([*told, *needed], key=lambda each: each.contact.seen.accepted_at)
        return Refusals(tuple(counted), tuple(excuses))

    def refusals_of_chains(self, destination: Destination, stack: str) -> Refusals:
        """Of the test CA's chains for the right name, alone and with the genuine certificates at every place."""
        return self.refusals(destination, stack, (Condition.TRUSTED_CA, *EVERY_PLACE))

    def places_not_refused(self, destination: Destination, stack: str) -> tuple[Condition, ...]:
        """Under which stapled chains no refusal was seen: a client that compares there would have been let through.

        Where it matters most (`EVERY_PLACE`) the refusal must count, as one of the test CA itself."""
        counted = {each.contact.condition for each in self.refusals_of_chains(destination, stack).counted}
        seen = {each.contact.condition for each in self.at(destination, stack) if each.what in REFUSALS}
        return tuple(
            each for each in Condition if each in STAPLED and each not in (counted if each in EVERY_PLACE else seen)
        )

    def told_apart(self, destination: Destination, stack: str) -> Apart | None:
        """None: it treats them alike, or one of them was not refused so that it counts. Evidence of trust, no proof."""
        trusted = self.refusals(destination, stack, (Condition.TRUSTED_CA,)).counted
        untrusted = self.refusals(destination, stack, _UNTRUSTED_CERTIFICATE).counted
        if not trusted or not untrusted:
            return None
        before = not any(each.contact.seen.finished_at for each in untrusted)
        completes = before and all(each.contact.seen.finished_at for each in trusted)
        alerts = all(each.what is What.REFUSED for each in (*trusted, *untrusted))
        if completes or (alerts and {each.why for each in trusted}.isdisjoint(each.why for each in untrusted)):
            return Apart(trusted, untrusted, completes)
        return None

    def unexplained_open(self, destination: Destination, stack: str) -> int:
        """Connections under the test CA that stood open without data, beyond those that do so anyway (T11)."""
        baseline = self.baseline(destination, stack)
        held = Counter(
            each.contact.run
            for each in self.at(destination, stack)
            if each.what is What.HELD and each.contact.condition is Condition.TRUSTED_CA
        )
        if not baseline.idle:
            return held.total()
        return sum(max(0, count - baseline.idle) for run, count in held.items() if run)

    def trust(self, stack: str) -> CaTrust:
        """Shown by a first connection that was read, where an untrusted CA was refused."""
        doubts = []
        for other in self.destinations if stack else ():
            doubt = self._no_trust_shown(stack, other)
            if doubt is None:
                return CaTrust(other, "")
            if doubt:
                doubts.append(doubt)
        return CaTrust(None, doubts[0] if doubts else "")

    def trusted_by_anyone(self) -> bool:
        """Was anything read under the test CA, where no untrusted certificate was accepted?"""
        read = [each.contact for each in self.showings if each.what is What.READ]
        careless = {each.destination for each in read if each.condition in UNTRUSTED}
        return any(each.condition is Condition.TRUSTED_CA and each.destination not in careless for each in read)

    def began_before(self, showing: Showing, others: Iterable[Showing]) -> bool:
        """Had one of these begun, in the same run, before this connection did?"""
        contact = showing.contact
        return any(
            each.contact.run == contact.run and each.contact.seen.accepted_at < contact.seen.accepted_at
            for each in others
        )

    def refused_before(self, showing: Showing, refusals: Iterable[Showing]) -> bool:
        """Had one of these ended, in the same run, before this connection began?"""
        contact, began = showing.contact, showing.contact.seen.accepted_at
        return any(
            each.contact.run == contact.run
            and each.contact.seen.accepted_at < began
            and _end(each.contact) <= began + SAME_MOMENT
            for each in refusals
        )

    def _no_trust_shown(self, stack: str, other: Destination) -> str | None:
        """None: it is shown there. Empty: that destination has nothing to say."""
        read = [
            each
            for each in self.at(other, stack)
            if each.what is What.READ
            and each.contact.condition is Condition.TRUSTED_CA
            and not each.contact.seen.resumed
        ]
        if not read:
            return ""
        if any(each.what is What.READ and each.contact.condition in UNTRUSTED for each in self.at(other)):
            return f"it was read at {other}, but an untrusted certificate is accepted there as well"
        refusals = [
            each
            for each in self.showings
            if each.contact.destination.host == other.host
            and each.contact.condition in ROGUE
            and (each.what in REFUSALS or (each.what is What.NOTHING and each.contact.seen.flight_made_at))
        ]
        if all(self.refused_before(each, refusals) for each in read):
            return f"it was read at {other} only on a retry after a refusal, which may have switched checking off"
        if not self.refusals(other, stack, _UNTRUSTED_CERTIFICATE).counted:
            return f"it was read at {other}, but that it refuses an untrusted certificate there has not been seen"
        return None

    def _overshadowed(self, showing: Showing) -> bool:
        """Was another destination refused in the same run, or at the same time where there are no runs?"""
        contact = showing.contact
        return any(
            trouble.contact.run == contact.run
            and trouble.contact.destination != contact.destination
            and trouble.contact.seen.accepted_at < _end(contact)
            and (contact.run or _end(trouble.contact) >= contact.seen.accepted_at)
            for trouble in self._troubles
        )


def _end(contact: Contact) -> float:
    return over_at(contact.seen) or inf


def _went_on(showing: Showing) -> bool:
    """Under the interceptor, the app had no reason to stop: it got its answer, or it still waits."""
    if showing.what is not What.READ:
        return showing.what is What.HELD
    answered, left = answered_at(showing.contact), over_at(showing.contact.seen)
    return not left or (bool(answered) and answered <= left)


def _beyond(silent: Sequence[Showing], baseline: PassThroughHabit, held: Counter[int]) -> list[Showing]:
    """Those of each run that are more than may be idle anyway; open ones are idle first."""
    if not baseline.idle:
        return list(silent)
    spare: Counter[int] = Counter()
    needed = []
    for each in silent:
        run = each.contact.run
        if not run:
            continue
        spare[run] += 1
        if spare[run] > baseline.idle - held[run]:
            needed.append(each)
    return needed


def _connections(count: int) -> str:
    return f"{count} connection" + ("s" if count != 1 else "")

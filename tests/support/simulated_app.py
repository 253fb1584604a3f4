"""An app and an interceptor without bytes: what clients of several natures do under each condition, as contacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pindrill.audits.facts import Condition, Contact, Destination, Question
from pindrill.audits.schedule import Schedule
from pindrill.audits.showing import UNTRUSTED

from support.contacts import HOST, SPAN, STACK, closed, leaked, moved, passed, plain, read, told, vanished
from support.facts import ENDED, HELLO, requested

GENUINE = ("leaf", "issuer", "issuer's issuer")
LISTS = {
    Condition.GENUINE_LEAF_APPENDED: ("ours", "our issuer", GENUINE[0]),
    Condition.GENUINE_ISSUERS_APPENDED: ("ours", "our issuer", *GENUINE[1:]),
    Condition.GENUINE_LEAF_SECOND: ("ours", GENUINE[0], "our issuer"),
    Condition.GENUINE_ISSUERS_IN_PLACE: ("ours", *GENUINE[1:]),
    Condition.GENUINE_EVERYWHERE: ("ours", *GENUINE[1:], *GENUINE),
}
"""What each stapled condition presents, where the genuine list is GENUINE."""
Look = Callable[[tuple[str, ...]], bool]
"""Does a client that looks for its pin in the presented list find it?"""
MAKE = {"alert": told, "closing": closed, "silent": vanished}


@dataclass(frozen=True)
class Client:
    """One TLS client: what it checks, and how it refuses."""

    trusts_test_ca: bool = True
    pinned: Literal["no", "validated"] | Look = "no"
    """With a pin on the validated chain, or on what the server presents."""
    validates: bool = True
    checks_name: bool = True
    late: bool = False
    lingers: bool = False
    """Keeps an answered connection for a while; others close it at once."""
    refuses: Literal["alert", "closing", "silent"] = "alert"
    stack: str = STACK

    def accepts(self, condition: Condition) -> bool:
        if condition is Condition.PASS_THROUGH or not self.validates:
            return True
        if condition in UNTRUSTED or not self.trusts_test_ca:
            return False
        if condition is Condition.EXPIRED or (condition is Condition.OTHER_HOST and self.checks_name):
            return False
        if callable(self.pinned):
            return condition in LISTS and self.pinned(LISTS[condition])
        return self.pinned == "no"

    def meets(self, condition: Condition) -> Contact:
        if condition is Condition.PASS_THROUGH:
            return passed(stack=self.stack)
        if self.accepts(condition):
            ended_at = 10**9 if self.lingers else ENDED
            return read(condition, requested(ended_at=ended_at), stack=self.stack, answered_at=1)
        if self.late and replace(self, pinned="no").accepts(condition):
            return leaked(condition, stack=self.stack)
        return MAKE[self.refuses](condition, stack=self.stack)


class Wire:
    """Asks the schedule, lets the client meet the condition, and keeps the contact."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.contacts: list[Contact] = []

    def request(self, client: Client, destination: Destination = HOST) -> bool:
        """Did the client get its answer?"""
        return self.connect(destination, client.meets, client.accepts)

    def idle(self, client: Client, destination: Destination = HOST) -> None:
        """A connection that nobody needs: a client that accepts closes it unused."""
        unused = replace(passed(stack=client.stack), passed_records=(53,))
        self.connect(
            destination,
            lambda condition: (
                unused
                if condition is Condition.PASS_THROUGH
                else (closed if client.accepts(condition) else MAKE[client.refuses])(condition, stack=client.stack)
            ),
            client.accepts,
        )

    def connect(
        self, destination: Destination, meets: Callable[[Condition], Contact], accepts: Callable[[Condition], bool]
    ) -> bool:
        number = len(self.contacts) + 1
        condition = self.schedule.next(
            Question(id=number, way="proxy", client="127.0.0.1", destination=destination, hello=HELLO)
        )
        contact = meets(condition)
        self._keep(replace(contact, destination=destination))
        return accepts(condition) and not (contact.condition is Condition.TRUSTED_CA and not contact.answered_at)

    def plain(self, host: str) -> None:
        self._keep(plain(Destination(host, 80)))

    def _keep(self, contact: Contact) -> None:
        number = len(self.contacts) + 1
        kept = replace(contact, id=number, run=self.schedule.run, seen=moved(contact.seen, number * SPAN))
        if kept.answered_at:
            kept = replace(kept, answered_at=kept.seen.response_sent_at)
        self.contacts.append(kept)
        self.schedule.note(kept)

"""`pindrill mitm watch`: what the addon in anybody's mitmproxy tells, judged as traffic comes.

Everything here happens on the thread that reads the channel, an event at a time.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from contextlib import suppress
from typing import Any

from pindrill import _core
from pindrill.audits.facts import Condition, Contact, Destination
from pindrill.audits.forge import Forge
from pindrill.audits.interception import question_of
from pindrill.audits.schedule import Schedule
from pindrill.audits.showing import STAPLED
from pindrill.audits.verdict import AuditVerdict, judge
from pindrill.mitm.addon_channel import AddonChannel
from pindrill.mitm.process import credential_order
from pindrill.mitm.recorder import AddonEvent
from pindrill.mitm.told import misled

_KEPT = 60
"""Contacts of a destination that are judged: the newest."""
_GREW = re.compile(r"\d+ \w+|once|twice")
"""Of a reason: one more of the same is no news."""
_FORGED = frozenset({Condition.SELF_SIGNED, *STAPLED})
"""All else is mitmproxy's doing."""
_OFFERED = (Condition.PASS_THROUGH, Condition.TRUSTED_CA, *sorted(_FORGED))
_NO_CONTACT = ("listener", "own_event", "unknown", "delivered_at", "answered_at")


class Watch:
    def __init__(self, end: socket.socket) -> None:
        self._channel = AddonChannel(end, asked=self._asked, ended=self._ended, other=self._other, kept=0)
        self._contacts: dict[Destination, deque[Contact]] = {}
        self._said: dict[Destination, str] = {}
        self._noted: set[tuple[Destination, str]] = set()
        self._controls = False
        self._forge: Forge | None = None
        self._schedule = Schedule(per_start=False, offered=_OFFERED, chain_known=self._knows)

    def run(self) -> None:
        """Until mitmproxy ends."""
        with suppress(OSError):
            self._channel.read()

    def _other(self, name: str, event: AddonEvent) -> None:
        match name:
            case "controls":
                self._controls = event["on"]
            case "authority":
                key, certificate = _core.KeyPair.from_pem(event["key"]), event["certificate"]
                self._forge = Forge(_core.Authority(key, _core.Certificate.from_pem(certificate)))
            case "genuine":
                destination = Destination(event["host"], event["port"])
                if self._forge and not self._forge.knows(destination):
                    self._forge.learn(destination, [_core.Certificate.from_pem(each) for each in event["chain"]])

    def _knows(self, destination: Destination) -> bool:
        return self._forge is not None and self._forge.knows(destination)

    # --- a connection ----------------------------------------------------------------------------------------------

    def _asked(self, event: AddonEvent) -> None:
        question = question_of(event)
        condition = self._schedule.next(question) if self._controls else Condition.TRUSTED_CA
        self._channel.decide(question.id, self._answer(condition, question.destination))

    def _answer(self, condition: Condition, destination: Destination) -> dict[str, Any]:
        if condition in _FORGED and self._forge:
            try:
                return credential_order(condition.value, self._forge.credential(condition, destination))
            except (_core.CoreError, KeyError) as error:
                self._note(destination, f"{condition} cannot be staged: {error}")
                condition = Condition.PASS_THROUGH
        return {"label": condition.value, "passing": condition is Condition.PASS_THROUGH}

    def _ended(self, event: AddonEvent) -> None:
        seen = event["seen"]
        if not event["port"] or not (seen["hello"] or seen["plaintext"]):
            return
        facts = {name: value for name, value in event.items() if name not in _NO_CONTACT}
        contact = Contact.from_dict({**facts, "answered_at": seen["response_sent_at"]})
        self._schedule.note(contact)
        self._contacts.setdefault(contact.destination, deque(maxlen=_KEPT)).append(contact)
        for verdict in judge([each for contacts in self._contacts.values() for each in contacts]):
            self._tell(verdict)
        own_event, unknown = event["own_event"], event["unknown"]
        if wrong := misled(own_event, contact.seen) if own_event else "":
            self._note(contact.destination, f"mitmproxy's own event would mislead here: {wrong}")
        if unknown:
            self._note(contact.destination, f"not known to mitmproxy here: {', '.join(unknown)}")

    # --- what it comes to ------------------------------------------------------------------------------------------

    def _tell(self, verdict: AuditVerdict) -> None:
        said = {"pinned": "pinned (pin or private trust anchor)"}.get(verdict.word.value, verdict.word.value)
        gist = said + _GREW.sub("", verdict.reason)
        if self._said.get(verdict.destination) != gist:
            self._said[verdict.destination] = gist
            self._say(f"pindrill: {verdict.destination} {said}: {verdict.reason}")

    def _note(self, destination: Destination, note: str) -> None:
        """What this connection shows of mitmproxy rather than of the client."""
        if (destination, note) not in self._noted:
            self._noted.add((destination, note))
            self._say(f"pindrill: {destination} ({note})")

    def _say(self, text: str) -> None:
        """In mitmproxy's log."""
        self._channel.order("say", text=text)

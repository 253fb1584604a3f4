"""The pump of an audit: answers the interceptor's questions by the schedule, and hands on every contact."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pindrill import _core
from pindrill.audits.facts import Condition, Contact, Destination, Question
from pindrill.audits.forge import Forge
from pindrill.audits.readable import unread
from pindrill.audits.reading import ReadingThread
from pindrill.audits.schedule import Schedule
from pindrill.interruption import PATIENCE_S, Started, heard
from pindrill.machine.served import most_passages
from pindrill.model import ClientHello

_POLL_S = 0.02
_END_S = 60.0
_HOLD_S = 0.25
"""How long an answer waits, so that a client which checks too late is gone before it."""


class Interceptor(Protocol):
    """Our own (`_core.Interceptor`), or another program's behind the same face."""

    def listen(self, way: str, address: str, port: int, upstream: tuple[str, int] | None = ...) -> int: ...
    def next(self, timeout_s: float) -> dict[str, Any] | None: ...
    def pass_through(self, id: int, label: str) -> None: ...
    def stage(self, id: int, label: str, credential: _core.Credential, hold_s: float = ...) -> None: ...
    def open(self) -> list[dict[str, Any]]: ...
    def end_all(self) -> None: ...
    def fetch_chain(self, host: str, port: int) -> list[_core.Certificate]: ...
    @property
    def denied(self) -> int: ...
    @property
    def turned_away(self) -> int: ...


def own_interceptor(
    *, hosts: Mapping[str, str], private_addresses: bool, upstream_trust: str, clients: Sequence[str]
) -> Interceptor:
    """`clients`: networks that are served; nobody else is."""
    return _core.Interceptor(
        _core.Loop(),
        hosts=hosts,
        private_addresses=private_addresses,
        upstream_trust=upstream_trust,
        clients=clients,
        max_connections=most_passages(),
    )


class Pump:
    """One thread between the interceptor and the schedule, which answers for all clients: it looks at no byte of them.
    `trouble`: why it stopped, when it did by itself."""

    def __init__(
        self,
        interceptor: Interceptor,
        schedule: Schedule,
        forge: Forge,
        emit: Callable[[Contact], None],
        *,
        plaintext_directory: Path | None = None,
    ) -> None:
        self.run = 0
        """The start of the app that connections belong to."""
        self._failure = ""
        self.gaps: list[str] = []
        """What could not be staged or fetched, and why."""
        self.lock = threading.Lock()
        """Of the schedule."""
        self._interceptor = interceptor
        self._schedule = schedule
        self._forge = forge
        self._emit = emit
        self._runs: dict[int, int] = {}
        self._fetched: set[Destination] = set()
        self._fetching = ThreadPoolExecutor(max_workers=4, thread_name_prefix="chains")
        self._quiet = 0
        """How often no event was waiting."""
        self._stopping = threading.Event()
        self._over = threading.Event()
        """Asked instead of the thread: until Python 3.13, Ctrl-C while it is joined makes it count as ended."""
        with Started() as started:
            started.undone_by(partial(self._fetching.shutdown, wait=False, cancel_futures=True))
            started.undone_by(self._tell_gaps)
            self._reading = started.start(
                lambda: ReadingThread(self._note, plaintext_directory=plaintext_directory), _end_reading
            )
            started.start(threading.Thread(target=self._pump, name="interceptor", daemon=True).start, self._end)
            self._started = started.pop_all()

    @property
    def trouble(self) -> str:
        return self._failure or self._reading.trouble

    def close(self) -> None:
        """Ends every connection, and takes what they showed."""
        self._started.close()

    def _end(self, _: None) -> None:
        try:
            self._interceptor.end_all()
        finally:
            self._stopping.set()
            with heard(PATIENCE_S):
                ended = self._over.wait(_END_S)
            if not ended:
                self._failure = self._failure or f"the interceptor had not ended after {_END_S:g} s"

    def _tell_gaps(self) -> None:
        if denied := self._interceptor.denied:
            self._gap(f"connections from addresses that are not served: {denied}; --client NETWORK serves them")
        if unseen := self._interceptor.turned_away:
            self._gap(f"connections closed unseen, because there were too many at once: {unseen}")

    def open(self) -> list[Contact]:
        """What connections that have not ended show so far."""
        facts = self._interceptor.open()
        return [unread(self._contact(each), "its connection is still open") for each in facts if each["condition"]]

    def settle(self, timeout_s: float) -> None:
        """Waits until the connections of an app that has ended are over, and noted; ends those that are not."""
        end = time.monotonic() + timeout_s
        while self._interceptor.open() and time.monotonic() < end:
            time.sleep(_POLL_S / 4)
        self._interceptor.end_all()
        # Twice: the first may have been on its way when the connections were ended.
        quiet = self._quiet + 2
        while self._quiet < quiet and not self._over.is_set():
            time.sleep(_POLL_S / 4)
        self._reading.wait(timeout_s)

    def _pump(self) -> None:
        try:
            while True:
                event = self._interceptor.next(_POLL_S)
                if event is None:
                    self._quiet += 1
                    if self._stopping.is_set():
                        return
                elif "seen" in event:
                    self._ended(event)
                else:
                    self._asked(event)
        except Exception as error:  # whatever it was: what came after was not seen
            self._failure = f"the interceptor failed: {error}"
        finally:
            self._over.set()

    def _asked(self, event: dict[str, Any]) -> None:
        question = question_of(event)
        self._runs[question.id] = self.run
        self._fetch_once(question.destination)
        with self.lock:
            condition = self._schedule.next(question)
        if condition is not Condition.PASS_THROUGH:
            try:
                credential = self._forge.credential(condition, question.destination)
            except (_core.CoreError, KeyError) as error:
                self._gap(f"{question.destination}: {condition} cannot be staged: {error}")
            else:
                hold_s = _HOLD_S if condition is Condition.TRUSTED_CA else 0.0
                return self._interceptor.stage(question.id, condition.value, credential, hold_s)
        self._interceptor.pass_through(question.id, Condition.PASS_THROUGH.value)
        return None

    def _ended(self, event: dict[str, Any]) -> None:
        contact = self._contact(event)
        self._runs.pop(contact.id, None)
        with self.lock:
            self._schedule.note(replace(contact, plaintext=b""))
        self._reading.add(contact)

    def _note(self, contact: Contact) -> None:
        with self.lock:
            self._emit(contact)

    def _contact(self, event: dict[str, Any]) -> Contact:
        run = self._runs.get(event["id"], self.run)
        return Contact.from_dict({**event, "answered_at": event["seen"]["response_sent_at"], "run": run})

    def _fetch_once(self, destination: Destination) -> None:
        if destination in self._fetched:
            return
        self._fetched.add(destination)
        self._fetching.submit(self._fetch, destination)

    def _fetch(self, destination: Destination) -> None:
        try:
            self._forge.learn(destination, self._interceptor.fetch_chain(destination.host, destination.port))
        except (_core.CoreError, OSError) as error:
            self._gap(f"{destination}: the genuine chain is not known, so nothing is stapled: {error}")

    def _gap(self, words: str) -> None:
        if words not in self.gaps:
            self.gaps.append(words)


def question_of(event: dict[str, Any]) -> Question:
    return Question(
        id=event["id"],
        way=event["way"],
        client=event["client"],
        destination=Destination(event["host"], event["port"]),
        hello=ClientHello.from_dict(event["hello"]),
    )


def _end_reading(reading: ReadingThread) -> None:
    with heard(PATIENCE_S):
        reading.close(_END_S)

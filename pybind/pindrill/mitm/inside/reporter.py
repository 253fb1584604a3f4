"""Tells what happens on one connection as mitmproxy handles it: events, and the bytes as they are.

Here is kept only what the addon itself acts on; the facts are gathered at the other end of the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from .channel import Channel

CLOSE_NOTIFY = 0
_SERVER_BYTES = 32 * 1024
"""Of what is passed through from a server; behind its ServerHello they are counted only."""


@dataclass
class Reporter:
    """Times are nanoseconds of the monotonic clock; 0 means that it never happened."""

    channel: Channel
    id: int
    way: str
    client: str
    host: str = ""
    port: int = 0
    listener: int = 0
    standing: dict[str, str] | None = None
    """What it is shown without anybody being asked: what was shown when it was accepted."""
    hold_s: float = 0.0
    """How long an answer waits at least once the client has spoken: who leaves meanwhile checked too late."""
    decided: bool = False
    passing: bool = False
    plaintext: bool = False
    undecided: int = 0
    """Bytes that came before it was decided what becomes of the connection."""
    flight_made_at: int = 0
    flight_sent_at: int = 0
    finished_at: int = 0
    first_data_at: int = 0
    spoke: bool = False
    """By data or an alert."""
    unread: bool = False
    """mitmproxy's engine takes no more of the client's bytes."""
    close_notify: bool = False
    ended: bool = False
    ended_by_us: bool = False
    """What is reported from here on is no end of the client's."""
    upstream_ended_at: int = 0
    upstream_failure: str = ""
    tls_failure: str = ""
    failure: str = ""
    answering: str = ""
    """What the next bytes to the client are of an answer: "", `first` or `last`."""
    _answered: bool = False
    _passed: int = 0

    def begin(self) -> None:
        values = {name: getattr(self, name) for name in ("way", "client", "listener")}
        self._tell("accepted", label=self.standing["label"] if self.standing else "", **values)

    def over(self) -> None:
        self._tell("over", host=self.host, port=self.port)

    def facts(self, **values: Any) -> None:
        """By the names that they have at the other end."""
        self._tell("facts", values=values)

    # --- what comes and goes ---------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        self._tell("received", data)
        if self.plaintext:
            self._data()
        elif not self.decided:
            self.undecided += len(data)

    def written(self, data: bytes) -> None:
        told = data[: max(0, _SERVER_BYTES - self._passed)] if self.passing else b""
        self._passed += len(told)
        self._tell("written", told, count=len(data))

    def readable(self, data: bytes) -> None:
        """Bytes of the client that could be read."""
        if data:
            self._data()
            self._tell("readable", data)

    def decide(self, label: str, *, passing: bool = False) -> None:
        self.decided, self.passing = True, passing
        self._tell("decided", label=label, passing=passing)

    def speaks_plaintext(self, begins: bytes) -> None:
        """`begins`: what came first behind the words to the proxy."""
        self.plaintext = self.decided = True
        self._data()
        self._tell("plaintext", begins)

    def alert(self, *, sent: bool, level: int, number: int) -> None:
        self._tell("alert", sent=sent, level=level, number=number)
        self.spoke = self.spoke or not sent
        if not sent and number == CLOSE_NOTIFY:
            self.close_notify = True

    def nobody_reads(self) -> None:
        if not self.unread:
            self.unread = True
            self._tell("unread")

    # --- moments and ends ------------------------------------------------------------------------------------------

    def flight_made(self, tls_version: str) -> None:
        if not self.flight_made_at:
            self.flight_made_at = monotonic_ns()
            self.facts(flight_made_at=self.flight_made_at)
        self.facts(tls_version=tls_version)

    def handshake_finished(self, **values: Any) -> None:
        self.finished_at = self.finished_at or monotonic_ns()
        self.facts(finished_at=self.finished_at, **values)

    def flushed(self) -> None:
        """The kernel has all that was written."""
        now = monotonic_ns()
        if self.flight_made_at and not self.flight_sent_at:
            self.flight_sent_at = now
            self.facts(flight_sent_at=now)
        if self.answering == "last" or (self.answering and not self._answered):
            self._answered = True
            self._tell("answered", last=self.answering == "last")

    def end(self, how: str) -> None:
        if not self.ended and not self.ended_by_us:
            self.ended = True
            self._tell("ended", how=how)

    def upstream_ended(self) -> None:
        if not self.ended and not self.unread and not self.upstream_ended_at:
            self.upstream_ended_at = monotonic_ns()
            self.facts(upstream_ended_at=self.upstream_ended_at)

    def upstream_received(self, count: int) -> None:
        self._tell("upstream", count=count)

    def upstream_failed(self, why: str) -> None:
        self.upstream_failure = why
        self.facts(upstream_failure=why)

    def tls_failed(self, why: str) -> None:
        self.tls_failure = self.tls_failure or why
        self.facts(failure=self.tls_failure)

    def failed(self, why: str) -> None:
        """On our side. What went wrong first counts."""
        if not self.failure:
            self.failure = why
            self._tell("failed", why=why)

    def unknown(self, *words: str) -> None:
        """What could not be known of this connection."""
        self._tell("unknown", words=words)

    def given_up(self) -> None:
        """mitmproxy closes. Where the client had not said anything by then, its own end will be but an answer."""
        if self.flight_made_at and not self.spoke:
            self.ended_by_us = True
            self.failed(f"mitmproxy closed the connection first: {self.tls_failure or 'unasked'}")

    def _data(self) -> None:
        self.first_data_at = self.first_data_at or monotonic_ns()
        self.spoke = True

    def _tell(self, event: str, data: bytes = b"", **values: Any) -> None:
        self.channel.tell(event, data, id=self.id, **values)

"""The facts of one connection, gathered as mitmproxy handles it; plain values at its end."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from .records import Records, UnreadBytes
from .request import RequestReader, Secrets

CLOSE_NOTIFY = 0
KEPT_PLAINTEXT = 64 * 1024
_BEFORE_HELLO = 9  # the headers of its record and of its message


@dataclass
class Facts:
    """Times are nanoseconds of the monotonic clock; 0 means that it never happened."""

    id: int
    way: str
    client: str
    host: str = ""
    port: int = 0
    standing: dict[str, str] | None = None
    """What it is shown without anybody being asked: what was shown when it was accepted."""
    hold_s: float = 0.0
    """How long an answer waits at least once the client has spoken: who leaves meanwhile checked too late."""
    label: str = ""
    """Of the answer that was given: what it is shown, or that it is passed through."""
    passing: bool = False
    plaintext: bool = False
    hello: dict[str, Any] | None = None
    accepted_at: int = field(default_factory=monotonic_ns)
    tls_version: str = ""
    cipher: str = ""
    alpn: str = ""
    flight_made_at: int = 0
    flight_sent_at: int = 0
    finished_at: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    tls_failure: str = ""
    first_data_at: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    answered_at: int = 0
    """The first bytes of the upstream's answer were in the kernel."""
    delivered_at: int = 0
    """The whole answer was."""
    close_notify: bool = False
    resumed: bool = False
    client_certificate: bool = False
    ended: str = "open"
    ended_at: int = 0
    ended_by_us: bool = False
    """What is reported from here on is no end of the client's."""
    upstream_connected: bool = False
    upstream_address: str = ""
    upstream_failure: str = ""
    upstream_ended_at: int = 0
    """When the upstream ended its connection (0: not before the client did)."""
    upstream_bytes: int = 0
    failure: str = ""
    own_event: str = ""
    """What mitmproxy's own events say of the handshake."""
    unknown: list[str] = field(default_factory=list)
    """Facts that could not be known, by name."""
    request: RequestReader = field(default_factory=RequestReader)
    records: Records = field(default_factory=Records)
    plain: Secrets = field(default_factory=Secrets)
    """In its bytes as they are: a client may go on in plain text on the socket of its TLS."""
    unread: UnreadBytes | None = None
    """From the end of its TLS connection on."""
    kept: bytearray = field(default_factory=bytearray)
    undecided: bytearray = field(default_factory=bytearray)
    """What came before it was decided what becomes of the connection."""
    decided: bool = False
    answering: str = ""
    """What the next bytes to the client are of an answer: "", `first` or `last`."""

    def received(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if self.passing:
            self.records.from_client(data)
        elif self.plaintext:
            self.readable(data)
        else:
            self.plain.feed(data)
            if self.unread:
                self.unread.feed(data)
            if not self.decided:
                self.undecided += data

    def written(self, data: bytes) -> None:
        self.bytes_out += len(data)
        if self.passing:
            self.records.from_server(data)
        if self.passing or (self.plaintext and self.upstream_connected):
            self.upstream_bytes += len(data)

    def decide(self, label: str, *, passing: bool = False, hello: bytes = b"") -> None:
        """`hello`: the message as it came, to find where the records begin."""
        self.label, self.decided, self.passing = label, True, passing
        if passing:
            at = self.undecided.find(hello) - _BEFORE_HELLO
            self.records.from_client(bytes(self.undecided[max(0, at) :]))
        self.undecided.clear()

    def speaks_plaintext(self, begins: bytes) -> None:
        """`begins`: what came first behind the words to the proxy."""
        self.plaintext = self.decided = True
        self.plain = Secrets()  # they were readable, not beside anything
        at = self.undecided.find(begins)
        self.readable(bytes(self.undecided[at:]) if at >= 0 else begins)
        self.undecided.clear()

    def readable(self, data: bytes) -> None:
        """Bytes of the client that could be read."""
        if not data:
            return
        self.first_data_at = self.first_data_at or monotonic_ns()
        self.request.feed(data)
        self.kept += data[: max(0, KEPT_PLAINTEXT - len(self.kept))]

    def alert(self, *, sent: bool, level: int, number: int) -> None:
        """Whether it was encrypted mitmproxy does not tell."""
        self.alerts.append({"sent": sent, "level": level, "number": number, "encrypted": None, "at": monotonic_ns()})
        if not sent and number == CLOSE_NOTIFY:
            self.close_notify = True

    def nobody_reads(self) -> None:
        """mitmproxy's engine takes no more of the client's bytes."""
        self.unread = self.unread or UnreadBytes()

    def flight_sent(self) -> None:
        if self.flight_made_at and not self.flight_sent_at:
            self.flight_sent_at = monotonic_ns()

    def answer_sent(self) -> None:
        if self.answering:
            self.answered_at = self.answered_at or monotonic_ns()
        if self.answering == "last":
            self.delivered_at = monotonic_ns()

    def end(self, how: str) -> None:
        if self.ended == "open" and not self.ended_by_us:
            self.ended, self.ended_at = how, monotonic_ns()

    def upstream_ended(self) -> None:
        if self.ended == "open" and not self.unread:
            self.upstream_ended_at = self.upstream_ended_at or monotonic_ns()

    def given_up(self) -> None:
        """mitmproxy closes. Where the client had not said anything by then, its own end will be but an answer."""
        said = self.first_data_at or any(not alert["sent"] for alert in self.alerts)
        if self.flight_made_at and not said:
            self.ended_by_us = True
            self.failure = self.failure or f"mitmproxy closed the connection first: {self.tls_failure or 'unasked'}"

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "way": self.way,
            "client": self.client,
            "host": self.host,
            "port": self.port,
            "condition": self.label,
            "seen": self._seen(),
            "plaintext_forwarded": self.plaintext and self.upstream_connected,
            "upstream_address": self.upstream_address,
            "upstream_failure": self.upstream_failure,
            "upstream_ended_at": self.upstream_ended_at,
            "upstream_bytes": self.upstream_bytes,
            "passed_version": self.records.version,
            "passed_records": self.records.client,
            "failure": self.failure,
            "plaintext": base64.b64encode(self.kept).decode(),
            "answered_at": self.answered_at,
            "delivered_at": self.delivered_at,
            "own_event": self.own_event,
            "unknown": self.unknown,
        }

    def _seen(self) -> dict[str, Any]:
        return {
            "number": self.id,
            "credential": "" if self.passing else self.label,
            "accepted_at": self.accepted_at,
            "plaintext": self.plaintext,
            "hello": self.hello,
            "tls_version": self.tls_version,
            "cipher": self.cipher,
            "alpn": self.alpn,
            "resumed": self.resumed,
            "client_certificate": self.client_certificate,
            "flight_made_at": self.flight_made_at,
            "flight_sent_at": self.flight_sent_at,
            "finished_at": self.finished_at,
            "alerts": self.alerts,
            "failure": self.tls_failure,
            "progress": self.request.progress,
            "boilerplate_bytes": self.request.boilerplate_bytes,
            "data_bytes": self.request.data_bytes,
            "early_data_bytes": 0,  # its engine takes none
            "first_data_at": self.first_data_at,
            "request_line": self.request.request_line,
            "secrets": list(self.request.secrets),
            "plain_secrets": list(self.plain.found),
            "unread_bytes": self.unread.bytes if self.unread else 0,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "response_sent_at": self.answered_at,
            "close_notify": self.close_notify,
            "ended": self.ended,
            "ended_at": self.ended_at,
        }

"""The facts of one connection through mitmproxy, gathered from what the addon tells of it: bytes and moments.

All reading is done by the readers of the compiled core, those of our own interceptor.
"""

from __future__ import annotations

from typing import Any

from pindrill import _core
from pindrill.model import UNKNOWN

CLOSE_NOTIFY = 0
KEPT_PLAINTEXT = 64 * 1024
_MOST_UNDECIDED = 256 * 1024
_ENOUGH_TO_FIND = 34
"""Of a ClientHello: version and random."""
_BEFORE_HELLO = 9  # the headers of its record and of its message
AddonEvent = dict[str, Any]


class Recorder:
    """`accepted`: the event that began it. `kept`: how many readable bytes are handed over with the contact."""

    def __init__(self, accepted: AddonEvent, *, kept: int = KEPT_PLAINTEXT) -> None:
        self.number: int = accepted["id"]
        self.listener: int = accepted["listener"]
        self.way: str = accepted["way"]
        self.client: str = accepted["client"]
        self.host, self.port = "", 0
        self._told: dict[str, Any] = {
            "accepted_at": accepted["at"],
            **{"tls_version": "", "cipher": "", "alpn": "", "failure": "", "upstream_address": "", "own_event": ""},
            **{"flight_made_at": 0, "flight_sent_at": 0, "finished_at": 0, "upstream_ended_at": 0},
            **{"resumed": False, "client_certificate": False, "upstream_failure": "", "upstream_connected": False},
        }
        """By the addon, as it is."""
        self._label: str = accepted["label"]
        self._decided = self._passing = self._plaintext = False
        self._failure = ""
        self._unknown: list[str] = []
        self._hello: dict[str, Any] | None = None
        self._hello_begins = b""
        self._alerts: list[dict[str, Any]] = []
        self._undecided = bytearray()
        """The first of what came before it was decided what becomes of the connection."""
        self._request = _core.RequestReader()
        self._secrets = _core.SecretScanner()
        self._plain_secrets = _core.SecretScanner()
        """In its bytes as they are: a client may go on in plain text on the socket of its TLS."""
        self._unread: _core.UnreadRecords | None = None
        """From the end of its TLS connection on."""
        self._records = _core.RecordWatcher()
        self._kept = bytearray()
        self._most_kept = kept
        self._bytes_in = self._bytes_out = self._upstream_bytes = 0
        self._first_data_at = self._answered_at = self._delivered_at = 0
        self._ended, self._ended_at = "open", 0

    def take(self, event: AddonEvent, data: bytes) -> None:
        getattr(self, f"_on_{event['event']}")(event, data)

    def hello(self, event: AddonEvent, body: bytes) -> AddonEvent:
        """The message without its header came: the question that it is."""
        self._greeted({**_core.read_client_hello(body), "at": event["at"]}, body, event)
        told = {"id": self.number, "way": self.way, "client": self.client, "host": self.host, "port": self.port}
        return {**told, "hello": self._hello}

    def passing_hello(self, event: AddonEvent, records: bytes) -> bool:
        """The beginning of a stream that is passed through without anybody being asked: is a hello in it?"""
        found = _core.client_hello_in(records)
        if found:
            self._greeted({**found, "at": event["at"]}, records[_BEFORE_HELLO:], event)
        return found is not None

    def contact(self) -> AddonEvent:
        """All that is known so far, as `Contact.from_dict` takes it, and what only mitmproxy tells."""
        told = self._told
        return {
            "id": self.number,
            "way": self.way,
            "client": self.client,
            "host": self.host,
            "port": self.port,
            "condition": self._label,
            "seen": self._seen(),
            "plaintext_forwarded": self._plaintext and told["upstream_connected"],
            "upstream_address": told["upstream_address"],
            "upstream_failure": told["upstream_failure"],
            "upstream_ended_at": told["upstream_ended_at"],
            "upstream_bytes": self._upstream_bytes,
            "passed_version": self._records.version,
            "passed_records": self._records.client_records,
            "failure": self._failure,
            "plaintext": bytes(self._kept),
            "answered_at": self._answered_at,
            "delivered_at": self._delivered_at,
            "listener": self.listener,
            "own_event": told["own_event"],
            "unknown": list(self._unknown),
        }

    def _seen(self) -> dict[str, Any]:
        told = ("accepted_at", "tls_version", "cipher", "alpn", "resumed", "client_certificate")
        moments = ("flight_made_at", "flight_sent_at", "finished_at", "failure")
        return {
            **{name: self._told[name] for name in (*told, *moments)},
            **UNKNOWN["mitmproxy"]["Observation"],
            "number": self.number,
            "credential": "" if self._passing else self._label,
            "plaintext": self._plaintext,
            "hello": self._hello,
            "alerts": [{**each} for each in self._alerts],
            "progress": self._request.progress,
            "boilerplate_bytes": self._request.boilerplate_bytes,
            "data_bytes": self._request.data_bytes,
            "first_data_at": self._first_data_at,
            "request_line": self._request.request_line,
            "secrets": self._secrets.found,
            "plain_secrets": self._plain_secrets.found,
            "unread_bytes": self._unread.counted if self._unread else 0,
            "bytes_in": self._bytes_in,
            "bytes_out": self._bytes_out,
            "response_sent_at": self._answered_at,
            "close_notify": any(not each["sent"] and each["number"] == CLOSE_NOTIFY for each in self._alerts),
            "ended": self._ended,
            "ended_at": self._ended_at,
        }

    def _greeted(self, hello: dict[str, Any], body: bytes, event: AddonEvent) -> None:
        self._hello, self._hello_begins = hello, body[:_ENOUGH_TO_FIND]
        self.host, self.port = hello["sni"].lower().rstrip(".") or event["host"], event["port"]

    # --- what the addon tells --------------------------------------------------------------------------------------

    def _on_facts(self, event: AddonEvent, _: bytes) -> None:
        self._told.update(event["values"])

    def _on_received(self, event: AddonEvent, data: bytes) -> None:
        self._bytes_in += len(data)
        if self._passing:
            self._records.from_client(data)
        elif self._plaintext:
            self._on_readable(event, data)
        else:
            self._plain_secrets.feed(data)
            if self._unread:
                self._unread.feed(data)
            if not self._decided:
                self._undecided += data[: _MOST_UNDECIDED - len(self._undecided)]

    def _on_written(self, event: AddonEvent, data: bytes) -> None:
        self._bytes_out += event["count"]
        if self._passing:
            self._records.from_server(data)
        if self._passing or (self._plaintext and self._told["upstream_connected"]):
            self._upstream_bytes += event["count"]

    def _on_upstream(self, event: AddonEvent, _: bytes) -> None:
        self._upstream_bytes += event["count"]

    def _on_decided(self, event: AddonEvent, _: bytes) -> None:
        self._label, self._passing, self._decided = event["label"], event["passing"], True
        if self._passing:
            at = self._undecided.find(self._hello_begins) - _BEFORE_HELLO
            self._records.from_client(bytes(self._undecided[max(0, at) :]))
        self._undecided.clear()

    def _on_plaintext(self, event: AddonEvent, begins: bytes) -> None:
        self._plaintext = self._decided = True
        self._plain_secrets = _core.SecretScanner()  # they were readable, not beside anything
        at = self._undecided.find(begins)
        self._on_readable(event, bytes(self._undecided[at:]) if at >= 0 else begins)
        self._undecided.clear()

    def _on_readable(self, event: AddonEvent, data: bytes) -> None:
        self._first_data_at = self._first_data_at or event["at"]
        self._request.feed(data)
        self._secrets.feed(data)
        self._kept += data[: max(0, self._most_kept - len(self._kept))]

    def _on_alert(self, event: AddonEvent, _: bytes) -> None:
        told = {name: event[name] for name in ("sent", "level", "number", "at")}
        self._alerts.append({**told, **UNKNOWN["mitmproxy"]["Alert"]})

    def _on_unread(self, _: AddonEvent, __: bytes) -> None:
        self._unread = self._unread or _core.UnreadRecords()

    def _on_answered(self, event: AddonEvent, _: bytes) -> None:
        self._answered_at = self._answered_at or event["at"]
        if event["last"]:
            self._delivered_at = event["at"]

    def _on_ended(self, event: AddonEvent, _: bytes) -> None:
        self._ended, self._ended_at = event["how"], event["at"]

    def _on_failed(self, event: AddonEvent, _: bytes) -> None:
        self._failure = event["why"]

    def _on_unknown(self, event: AddonEvent, _: bytes) -> None:
        self._unknown += event["words"]

    def _on_over(self, event: AddonEvent, _: bytes) -> None:
        self.host, self.port = self.host or event["host"], self.port or event["port"]

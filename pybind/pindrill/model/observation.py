"""The facts of a connection; times in nanoseconds of the monotonic clock, 0 = never happened.

Written by `ci/generate.py` after the tables of harness/include/pindrill/observation.h. Whoever watches a connection
tells every fact: there are no defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from pindrill.model.shapes import told_request_line


def _whole(kind: type[Any], facts: dict[str, Any]) -> dict[str, Any]:
    """All facts, by name: what a producer left out would pass for what never happened."""
    missing = [each.name for each in fields(kind) if each.name not in facts]
    if missing:
        raise TypeError(f"an observation without the facts {', '.join(missing)}: whoever saw it has to tell them")
    return facts


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A TLS alert, sent or received."""

    sent: bool
    """By us; false: by the client."""

    level: int
    """1 is a warning, 2 is fatal; TLS 1.3 gives it no meaning (RFC 8446 section 6)."""

    number: int
    """Its description, as TLS numbers them."""

    encrypted: bool | None
    """None: not known to who saw it (mitmproxy)."""

    at: int
    """When it was read or written."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Alert:
        return cls(**_whole(cls, facts))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return {**vars(self)}


@dataclass(frozen=True, kw_only=True)
class ClientHello:
    """What the client offered (RFC 8446 section 4.1.2)."""

    sni: str
    """The server name; empty: none was sent."""

    alpn: tuple[str, ...]
    """Application protocols offered."""

    versions: tuple[int, ...]
    """TLS versions offered, as code points."""

    groups: tuple[int, ...]
    """Key exchange groups offered, as code points."""

    signature_algorithms: tuple[int, ...]
    """Signature algorithms offered, as code points."""

    psk_offered: bool
    """It wants to resume a session: it offers a TLS 1.3 PSK or a TLS 1.2 ticket."""

    early_data_offered: bool
    """It wants to send early data."""

    ja4: str
    """The JA4 fingerprint of the client, with the name and ALPN in it."""

    stack: str
    """JA4 without what one TLS stack varies from connection to connection: the name, ALPN, padding, resumption."""

    at: int
    """When it was whole."""

    LATER: ClassVar[dict[str, Any]] = {
        "ja4": "",
        "stack": "",
    }
    """What earlier versions did not watch for."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> ClientHello:
        return cls(
            **{
                **_whole(cls, facts),
                "alpn": tuple(facts["alpn"]),
                "versions": tuple(facts["versions"]),
                "groups": tuple(facts["groups"]),
                "signature_algorithms": tuple(facts["signature_algorithms"]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return {**vars(self)}


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The facts about one connection."""

    number: int
    """Which connection of its server, in order of acceptance, from 1."""

    credential: str
    """Label of the credential that it was shown."""

    accepted_at: int
    """When it was accepted."""

    plaintext: bool
    """It did not begin with a TLS handshake record, nor with the ClientHello of SSL 2.0 that old clients open TLS
    with."""

    hello: ClientHello | None
    """The ClientHello; None: there was none."""

    tls_version: str
    """The version that the server chose; empty: it chose none."""

    cipher: str
    """The cipher suite negotiated; empty: none was."""

    alpn: str
    """The application protocol negotiated; empty: none was."""

    resumed: bool
    """The handshake resumed a session: no certificate was shown."""

    resumed_from: str
    """Label of the credential that was shown when that session began: the connection stands for it. Empty: none."""

    resumed_connection: int
    """Number of the connection on which that session began; 0: none."""

    ticket_declined: bool
    """It offered a ticket of this server, which was told to take none."""

    tickets_sent: int
    """Tickets that it was sent."""

    client_certificate: bool
    """The client sent its certificate."""

    flight_made_at: int
    """When our flight with the certificate was encoded."""

    flight_sent_at: int
    """When the kernel had taken the whole flight, which on a resumed connection ends with our Finished."""

    finished_at: int
    """When the client's Finished was verified."""

    alerts: tuple[Alert, ...]
    """All alerts, in order."""

    failure: str
    """Our TLS engine's words when it gave up, which are evidence and never a reason; empty: it did not."""

    progress: Literal["nothing", "boilerplate", "request-line", "headers", "body", "other"]
    """How far the client's request came."""

    boilerplate_bytes: int
    """Readable bytes that carry nothing of the user's: the HTTP/2 preface and its settings."""

    data_bytes: int
    """All other readable bytes that the client sent, early data included."""

    early_data_bytes: int
    """Readable bytes of early data."""

    first_data_at: int
    """When the first readable byte came."""

    request_line: str
    """With secrets and values redacted."""

    secrets: tuple[str, ...]
    """The request secrets that were readable."""

    plain_secrets: tuple[str, ...]
    """The request secrets in plain text on the socket of a TLS connection: before, behind or instead of its records."""

    unread_bytes: int
    """What came after the client's alert had ended the TLS connection, and that nobody could decrypt any more."""

    bytes_in: int
    """Bytes from the socket."""

    bytes_out: int
    """Bytes to the socket."""

    response_sent_at: int
    """When the kernel had taken the whole response."""

    close_notify: bool
    """The client closed the TLS connection in the orderly way."""

    ended: Literal["open", "fin", "reset"]
    """How the client's side of the TCP connection ended."""

    ended_at: int
    """When it did."""

    LATER: ClassVar[dict[str, Any]] = {
        "resumed_from": "",
        "resumed_connection": 0,
        "ticket_declined": False,
        "tickets_sent": 0,
        "plain_secrets": (),
        "unread_bytes": 0,
    }
    """What earlier versions did not watch for."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Observation:
        return cls(
            **{
                **_whole(cls, facts),
                "hello": facts["hello"] and ClientHello.from_dict(facts["hello"]),
                "alerts": tuple(map(Alert.from_dict, facts["alerts"])),
                "request_line": told_request_line(facts["request_line"]),
                "secrets": tuple(facts["secrets"]),
                "plain_secrets": tuple(facts["plain_secrets"]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        return {
            **vars(self),
            "hello": self.hello and self.hello.to_dict(),
            "alerts": [each.to_dict() for each in self.alerts],
        }

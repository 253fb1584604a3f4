"""What was seen of a client: on the wire, and on its own side."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

from pindrill.model.shapes import told_request_line


def _complete(kind: type[Any], facts: dict[str, Any]) -> dict[str, Any]:
    """All facts, by name: what a producer left out would pass for what never happened."""
    missing = [each.name for each in fields(kind) if each.name not in facts]
    if missing:
        raise TypeError(f"an observation without the facts {', '.join(missing)}: whoever saw it has to tell them")
    return facts


@dataclass(frozen=True, kw_only=True)
class Alert:
    sent: bool
    level: int
    number: int
    encrypted: bool | None
    """None: not known to who saw it."""
    at: int


@dataclass(frozen=True, kw_only=True)
class ClientHello:
    sni: str
    alpn: tuple[str, ...]
    versions: tuple[int, ...]
    groups: tuple[int, ...]
    signature_algorithms: tuple[int, ...]
    psk_offered: bool
    early_data_offered: bool
    at: int
    ja4: str = ""
    stack: str = ""
    """JA4 without what one TLS stack varies from connection to connection: the name, ALPN, padding, resumption."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> ClientHello:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in _complete(cls, facts).items()
        }
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The facts about one connection; times in nanoseconds of the monotonic clock, 0 = never happened."""

    number: int
    credential: str
    accepted_at: int = 0
    plaintext: bool = False
    hello: ClientHello | None = None
    tls_version: str = ""
    cipher: str = ""
    alpn: str = ""
    resumed: bool = False
    client_certificate: bool = False
    flight_made_at: int = 0
    flight_sent_at: int = 0
    finished_at: int = 0
    alerts: tuple[Alert, ...] = ()
    failure: str = ""
    progress: str = "nothing"
    boilerplate_bytes: int = 0
    data_bytes: int = 0
    early_data_bytes: int = 0
    first_data_at: int = 0
    request_line: str = ""
    secrets: tuple[str, ...] = ()
    plain_secrets: tuple[str, ...] = ()
    """In plain text on the socket of a TLS connection: before, behind or instead of its records."""
    unread_bytes: int = 0
    """What came after the client's alert had ended the TLS connection, and that nobody can decrypt any more."""
    bytes_in: int = 0
    bytes_out: int = 0
    response_sent_at: int = 0
    close_notify: bool = False
    ended: Literal["open", "fin", "reset"] = "open"
    ended_at: int = 0

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Observation:
        hello: dict[str, Any] | None = facts["hello"]
        values: dict[str, Any] = {
            **_complete(cls, facts),
            "request_line": told_request_line(facts["request_line"]),
            "hello": hello and ClientHello.from_dict(hello),
            "alerts": tuple(Alert(**alert) for alert in facts["alerts"]),
            "secrets": tuple(facts["secrets"]),
            "plain_secrets": tuple(facts["plain_secrets"]),
        }
        return cls(**values)


class Said(StrEnum):
    """What the client said of an attempt, or what became of it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    """The adapter itself failed, or broke the contract."""
    DIED = "died"
    CANNOT_RUN = "cannot-run"
    TIMEOUT = "timeout"
    SILENT = "silent"
    """Its exit code is to be ignored and it printed no canary."""


@dataclass(frozen=True, kw_only=True)
class ClientReport:
    """What the client's side shows of one attempt."""

    said: Said
    detail: str = ""
    canary_out: bool = False
    exit_code: int | None = None
    ending_at: int = 0
    """When the harness began to end the client; from then on no end of a connection counts."""
    duration_s: float = 0.0
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, kw_only=True)
class Stray:
    """A request secret that arrived where it must not."""

    where: str
    observation: Observation

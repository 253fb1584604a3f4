"""What the interceptor saw. Facts only; `verdict` judges them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pindrill.model import ClientHello, Observation

Way = Literal["proxy", "socks", "reverse", "direct", "transparent"]


class Condition(StrEnum):
    """What an interceptor does with a connection to a destination."""

    PASS_THROUGH = "pass-through"  # noqa: S105
    """Bytes are handed on untouched: the genuine server, the control of all others."""
    TRUSTED_CA = "trusted-ca"
    """A leaf for the right name from the test CA, which the tester made the client trust: the pinning case."""
    SELF_SIGNED = "self-signed"
    UNTRUSTED_CA = "untrusted-ca"
    """A leaf for the right name from a CA that nobody trusts."""
    GENUINE_LEAF_APPENDED = "genuine-leaf-appended"
    """The chain of TRUSTED_CA, then the genuine leaf, last (CVE-2016-2402)."""
    GENUINE_ISSUERS_APPENDED = "genuine-issuers-appended"
    GENUINE_LEAF_SECOND = "genuine-leaf-at-second-position"
    GENUINE_ISSUERS_IN_PLACE = "genuine-issuers-in-place"
    """The genuine list with another leaf, which the test CA's root issued itself: every place but the first is as the
    genuine server fills it, counted from either end."""
    GENUINE_EVERYWHERE = "genuine-at-every-position"
    """The list of GENUINE_ISSUERS_IN_PLACE, then the whole genuine list: all of it is there, at its places from the
    front and from the back."""
    GENUINE_LEAF_WITHOUT_KEY = "genuine-leaf-without-key"
    """The genuine chain, signed with a key of ours."""
    OTHER_HOST = "other-host"
    """A leaf of the test CA for another name."""
    EXPIRED = "expired"
    """A leaf of the test CA for the right name, expired."""


@dataclass(frozen=True, order=True)
class Destination:
    """Where a client wanted to go: the name it gave (SNI, else what it told the proxy), and the port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class AppRun:
    """One start of the app."""

    number: int
    ending_at: int = 0
    """When it began to be ended (0: never); from then on no end of a connection counts."""
    death: str = ""
    """How it died if it did ("killed by SIGSEGV"): a dead app refuses nothing."""


class ReadableKind(StrEnum):
    """Where in a client's readable bytes something stood."""

    COOKIE = "cookie"
    AUTHORIZATION = "authorization"
    HEADER = "header"
    PATH = "path"
    """Without the query; named by the method."""
    QUERY = "query"
    FIELD = "field"
    """Of a form or of the top level of a JSON document."""
    BODY = "body"
    """A body of another kind, by its content type."""
    MESSAGE = "message"
    """WebSocket or gRPC, by the kind of message."""
    OTHER = "other"
    UNREAD = "unread"
    """Readable as well, but not read: named by the reason."""


@dataclass(frozen=True, order=True)
class Readable:
    """Something that could be read: its name and length, never its value."""

    kind: ReadableKind
    name: str
    length: int


def in_order(found: Collection[Readable]) -> tuple[Readable, ...]:
    """What was not read first, so that no short list leaves it out; of each reason the longest."""
    unread: dict[str, int] = {}
    for each in found:
        if each.kind is ReadableKind.UNREAD:
            unread[each.name] = max(each.length, unread.get(each.name, 0))
    told = (Readable(ReadableKind.UNREAD, *each) for each in sorted(unread.items()))
    return (*told, *sorted(each for each in found if each.kind is not ReadableKind.UNREAD))


@dataclass(frozen=True, kw_only=True)
class Question:
    """A ClientHello that waits for a decision."""

    id: int
    """Its `Contact` carries the same."""
    way: Way
    client: str
    """The client's IP address."""
    destination: Destination
    hello: ClientHello


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One connection that came to the interceptor, from its first byte to its end."""

    id: int
    way: Way
    client: str
    destination: Destination
    condition: Condition | None
    """None: it never came to a decision (plain text, garbage, or ended before)."""
    run: int = 0
    """In which start of the app it happened (0: nobody starts the app)."""
    seen: Observation
    """The client's side. Of a connection that is passed through only the ClientHello, the bytes and the end. `ended`
    is how the client ended it; it stays open where the interceptor did."""
    plaintext_forwarded: bool = False
    """No TLS came; its bytes were handed on as they were (`seen.progress` tells what they were)."""
    upstream_address: str = ""
    upstream_failure: str = ""
    """Why there was no good connection to the genuine server: not resolved, refused, not verified."""
    upstream_ended_at: int = 0
    """When the genuine server ended its connection, well or not (0: not before the client did, or not known)."""
    upstream_bytes: int = 0
    """What the genuine server sent, decrypted or not."""
    answered_at: int = 0
    """When the first readable byte of the genuine server was in the kernel on its way to the client (0: never)."""
    passed_version: str = ""
    """Of a connection that is passed through: the TLS version that its server chose."""
    passed_records: tuple[int, ...] = ()
    """Of a connection that is passed through: sizes of the first encrypted records of the client (type 23)."""
    failure: str = ""
    """What went wrong with the connection on our side."""
    plaintext: bytes = b""
    """The first readable bytes of the client, to be summarised and dropped."""
    readable: tuple[Readable, ...] = ()
    """The summary of `plaintext`."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Contact:
        condition = facts["condition"]
        return cls(
            **{
                **{name: value for name, value in facts.items() if name not in ("host", "port")},
                "destination": Destination(facts["host"], facts["port"]),
                "condition": Condition(condition) if condition else None,
                "seen": Observation.from_dict(facts["seen"]),
                "passed_records": tuple(facts["passed_records"]),
                "readable": tuple(Readable(ReadableKind(kind), *rest) for kind, *rest in facts.get("readable", ())),
            }
        )

    @property
    def stack(self) -> str:
        """The TLS stack's fingerprint: JA4 without what varies from connection to connection."""
        return self.seen.hello.stack if self.seen.hello else ""

"""The values that scenarios, drivers, judgement and reports share. Nothing here does anything."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

HOST = "app.pin.test"
SIBLING_HOST = "other.pin.test"
FOREIGN_HOST = "app.other.test"

TlsVersion = Literal["1.2", "1.3"]
TLS_VERSIONS: tuple[TlsVersion, ...] = ("1.2", "1.3")


class Expect(StrEnum):
    """What a correct client does with a stage."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    REPORT = "report"
    CONFIG_ERROR_OR_REFUSE = "config-error-or-refuse"


class VerdictWord(StrEnum):
    """The verdicts, in the precedence of truth rule T16: where several hold, the first counts."""

    FAIL_OPEN = "fail-open"
    EARLY_DATA_LEAK = "early-data-leak"
    CLIENT_AUTH_LEAK = "client-auth-leak"
    DOWNGRADE = "downgrade"
    LEAKED = "leaked"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    FALSE_SUCCESS = "false-success"
    OUTAGE = "outage"
    OUTAGE_DEFERRED = "outage-deferred"
    UNSUPPORTED = "unsupported"
    REPORTED = "reported"
    PASS = "pass"  # noqa: S105


PRECEDENCE = tuple(VerdictWord)
LEAKS = frozenset(PRECEDENCE[:5])
VIOLATIONS = LEAKS | {VerdictWord.FALSE_SUCCESS, VerdictWord.OUTAGE, VerdictWord.OUTAGE_DEFERRED}
UNJUDGED = frozenset({VerdictWord.ERROR, VerdictWord.INCONCLUSIVE})


# --- what is pinned -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strategy:
    """Which key of the genuine hierarchy is pinned, and whether a backup pin stands beside it."""

    kind: Literal["leaf-cert", "leaf-spki", "intermediate-spki", "root-spki"]
    backup: bool

    @property
    def name(self) -> str:
        return self.kind + ("+backup" if self.backup else "")

    @property
    def of(self) -> Literal["spki", "certificate"]:
        return "certificate" if self.kind == "leaf-cert" else "spki"


STRATEGIES = tuple(
    Strategy(kind, backup)
    for kind in ("leaf-cert", "leaf-spki", "intermediate-spki", "root-spki")
    for backup in (False, True)
)
STRATEGY = {strategy.name: strategy for strategy in STRATEGIES}


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """How a client declares that it pins; the default is RFC 7469 section 2.6."""

    position: Literal["validated", "leaf", "presented"] = "validated"
    mode: Literal["restrict", "replace", "add"] = "restrict"
    host: bool = True

    def __str__(self) -> str:
        return f"position={self.position},mode={self.mode},host={'on' if self.host else 'off'}"


RFC7469 = Semantics()


# --- what a server shows --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Served:
    """A credential, told by key labels. `GENUINE` is where every rotation starts.

    An authority is named by its key label, `@2` behind it is a later certificate of the same key. `presented`
    lists what is sent: `leaf`, `issuers`, `root`, `cross`, `genuine-leaf`, `genuine-issuers`, `genuine-root`,
    `unrelated`.
    """

    key: str = "leaf-current"
    issuers: tuple[str, ...] = ("root-current", "intermediate-current")
    """From the root to the authority that signs the leaf; empty: self-signed."""
    names: tuple[str, ...] = (HOST,)
    not_before: timedelta = timedelta(hours=-1)
    not_after: timedelta = timedelta(days=90)
    generation: int = 1
    signing_key: str | None = None
    """The private key that really signs, when it is not the one of the certificate."""
    cross_signed_by: str | None = None
    """The older root that certifies this one's root; `cross` presents that certificate."""
    clones: tuple[str, str] | None = None
    """(authority, model): this authority copies the model's name, key identifier and serial."""
    issuer_dates: tuple[timedelta, timedelta] | None = None
    """Validity of the signing authority's certificate, where that is the point."""
    presented: tuple[str, ...] = ("leaf", "issuers")

    def renew(self) -> Served:
        """The same key, certified again by the same authority."""
        return replace(self, generation=self.generation + 1)

    def rekey(self, key: str) -> Served:
        """Another key, certified by the same authority."""
        return replace(self, key=key)

    def switch_issuer(self, *issuers: str) -> Served:
        """The same key, certified by another authority."""
        return replace(self, issuers=issuers)

    def cross_sign(self, older_root: str) -> Served:
        """The root is also certified by an older one, and that certificate is sent."""
        return replace(self, cross_signed_by=older_root, presented=(*self.presented, "cross"))

    def misissue(self, *rogue: str, key: str = "leaf-rogue") -> Served:
        """A rogue authority certifies the same names for a key of its own."""
        return replace(self, key=key, issuers=rogue)

    def present(self, *presented: str) -> Served:
        return replace(self, presented=presented)

    def name(self, *names: str) -> Served:
        return replace(self, names=names)

    def valid(self, not_before: timedelta, not_after: timedelta) -> Served:
        return replace(self, not_before=not_before, not_after=not_after)


GENUINE = Served()
BACKUP = Served(key="leaf-backup", issuers=("root-backup", "intermediate-backup"))
THIRD = Served(key="leaf-third", issuers=("root-third", "intermediate-third"))
ROGUE = GENUINE.misissue("root-rogue", "intermediate-rogue")
"""A CA that the client trusts certifies the right name for a key that is not pinned."""

TRUSTED_ROOTS = ("root-current", "root-backup", "root-third", "root-rogue")


class Alter(StrEnum):
    """What is done to the text of the first pin before the client is told."""

    NOTHING = "nothing"
    BOGUS = "bogus"
    NEAR_MISS = "near-miss"
    CASE_SWAPPED = "case-swapped"
    NOT_BASE64 = "not-base64"
    SHORT = "short"
    TRAILING_JUNK = "trailing-junk"
    EMPTY_SET = "empty-set"


@dataclass(frozen=True, kw_only=True)
class PinsOf:
    """Pins on these credentials, as the strategy says: certificate, leaf, intermediate or root key."""

    pinned: Served = GENUINE
    backup: Served = BACKUP
    third: Served | None = None
    alter: Alter = Alter.NOTHING
    expires: timedelta | None = None
    """When the set ends, from now on; only a client that takes `expires` in its target can be told."""


# --- scenarios ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The server shows one credential, the client makes one attempt."""

    serve: Served
    pins: PinsOf | None = None
    """Other pins than the scenario's: the client was updated."""
    expect: Expect | None = None
    """Only where the oracle cannot know."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """An ordered list of stages with one thing that matters."""

    id: str
    code: str
    summary: str
    """Draws the chain and names the one thing that is wrong with it, or new in it."""
    catches: str
    """The mistake that it provokes."""
    stages: tuple[Stage, ...]
    references: tuple[str, ...] = ()
    pins: PinsOf = PinsOf()
    trust: tuple[str, ...] = TRUSTED_ROOTS
    genuine: Served = GENUINE
    """What the genuine twin shows."""
    host: str = HOST
    tls: tuple[TlsVersion, ...] = TLS_VERSIONS
    needs_backup: bool = False
    core: bool = False
    """In the short set, for apps that start slowly."""


# --- what was seen --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Alert:
    sent: bool
    level: int
    number: int
    encrypted: bool
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
            name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
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
            **facts,
            "hello": hello and ClientHello.from_dict(hello),
            "alerts": tuple(Alert(**alert) for alert in facts["alerts"]),
            "secrets": tuple(facts["secrets"]),
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


# --- what the client is told ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TargetPins:
    host: str
    of: Literal["spki", "certificate"]
    values: tuple[str, ...]
    subdomains: Literal["none", "one", "all"] = "none"
    algorithm: str = "sha256"
    expires: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a client is told, version 1. `pins`: None = do not pin, empty = an empty pin set."""

    id: str
    session: str
    url: str
    host: str
    port: int
    path: str
    address: str
    trust_file: str
    pins: tuple[TargetPins, ...] | None
    tls_min: TlsVersion
    tls_max: TlsVersion
    deadline_s: float
    requires: tuple[str, ...] = ()
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    canary: str = ""
    """What the answer will hold; not told to the client."""

    def to_json(self) -> dict[str, Any]:
        pins = None
        if self.pins is not None:
            pins = [
                {
                    "host": p.host,
                    "subdomains": p.subdomains,
                    "of": p.of,
                    "algorithm": p.algorithm,
                    "values": list(p.values),
                    "expires": p.expires,
                }
                for p in self.pins
            ]
        return {
            "version": 1,
            "id": self.id,
            "session": self.session,
            "requires": list(self.requires),
            "url": self.url,
            "method": self.method,
            "headers": self.headers,
            "body": self.body,
            "host": self.host,
            "port": self.port,
            "path": self.path,
            "address": self.address,
            "trust_file": self.trust_file,
            "pins": pins,
            "tls": {"min": self.tls_min, "max": self.tls_max},
            "client_certificate_file": None,
            "client_key_file": None,
            "deadline_s": self.deadline_s,
        }


class UsageError(Exception):
    """What the user passed cannot be used: says what, where and how to fix it. Exit code 2."""


class Refused(Exception):
    """Raised by a callable client: it refused the connection."""

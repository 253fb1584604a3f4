"""What servers show, what is pinned, and the scenarios made of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pindrill.model.verdicts import Expect

HOST = "app.pin.test"
SIBLING_HOST = "other.pin.test"
FOREIGN_HOST = "app.other.test"
TlsVersion = Literal["1.2", "1.3"]
TLS_VERSIONS: tuple[TlsVersion, ...] = ("1.2", "1.3")
Fault = Literal["pin", "trust", "chain", "name", "dates", "possession"]
ALWAYS, NEVER = ("AAAA", "AAAA"), ("RRRR", "RRRR")
"""Of a scenario's `expected`: one stage that each strategy accepts, that each refuses."""


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


@dataclass(frozen=True, kw_only=True)
class Served:
    """A credential, told by key labels. `GENUINE` is where every rotation starts; the core's `Issuance` has the same
    verbs, and `mint` makes with it what is described here.

    An authority is named by its key label, `@2` behind it is a later certificate of the same key. `presented`
    lists what is sent: `leaf`, `issuers`, `root`, `cross`, `genuine-leaf`, `genuine-issuers`, `genuine-root`,
    `unrelated`.
    """

    key: str = "leaf-current"
    issuers: tuple[str, ...] = ("root-current", "intermediate-current")
    """From the root to the authority that signs the leaf; empty: self-signed."""
    names: tuple[str, ...] = (HOST,)
    not_before: timedelta = timedelta(days=-30)
    """Long enough ago for a client whose clock is behind; in all fewer than the 398 days that Apple and the CA/Browser
    Forum allow a leaf."""
    not_after: timedelta = timedelta(days=367)
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


Sessions = Literal["none", "tickets"]
"""none: every connection is a fresh one, and updated pins come with a new client object. tickets: the servers give
tickets under one key, and one client object makes all requests, also when its pins change."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The server shows one credential, the client makes one attempt."""

    serve: Served
    pins: PinsOf | None = None
    """Other pins than the scenario's: the client was updated."""
    pinned: bool = True
    """False: a request without pins, as by a part of the app that does not pin."""
    takes_tickets: bool = True
    """False: a client that wants to resume a session is shown the credential all the same."""
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
    sessions: Sessions = "none"
    needs_backup: bool = False
    core: bool = False
    """In the short set, for apps that start slowly."""
    expected: tuple[str, str] = ("", "")
    """As it is published, apart from the oracle, which must come to the same: without a backup pin, and with one that
    covers the new state. One letter a pin strategy (leaf certificate; leaf, intermediate, root SPKI), a group for each
    stage: A accept, R refuse, P a matter of policy, C refuse or call the pins malformed, - no such cell."""
    fault: Fault | None = None
    """The one thing that is wrong where it must be refused; None: these pins do not cover the rotation."""

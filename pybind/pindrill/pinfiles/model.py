"""Pins as an app ships them, in one model; every format keeps its own semantics in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pindrill.pinfiles.names import MAX_NAME, to_ascii

DIGEST_OF_NOTHING = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of empty input: a pipe that was fed an empty file. Base64 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=."""
_AHEAD_OF_UTC = timedelta(hours=14)
_BEHIND_UTC = timedelta(hours=12)


class PinFormat(StrEnum):
    NSC = "android-nsc"
    TRUSTKIT_ANDROID = "trustkit-android"
    TRUSTKIT_IOS = "trustkit-ios"
    ATS = "apple-ats"
    OKHTTP = "okhttp"
    CURL = "curl"
    WGET = "wget"
    GIT = "git"
    HPKP = "hpkp"
    KEYRING = "keyring"
    ENVOY = "envoy"
    DANE = "dane"
    FLUTTER = "flutter"
    REACT_NATIVE = "react-native"


class Severity(StrEnum):
    """What a finding costs: unpinned, locked out, crash or never matching; works today, will hurt; good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class LintFinding:
    """One lint line: what stands in the file, what the platform makes of it, how to mend it."""

    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    effect: str
    fix: str
    owasp: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "rule": self.rule,
            "severity": self.severity.value,
            "message": self.message,
            "effect": self.effect,
            "fix": self.fix,
            "owasp": list(self.owasp),
        }


@dataclass(frozen=True, kw_only=True)
class DeclaredPin:
    """A pin as it stands in the file, and what the platform makes of it."""

    text: str = field(compare=False)
    """As written, prefix included."""
    digest: bytes | None
    """What the platform compares; None when the text gives it nothing to compare."""
    algorithm: str = "sha256"
    line: int = field(default=0, compare=False)

    @property
    def can_match(self) -> bool:
        """False: no certificate has this digest, by its length alone."""
        return self.digest is not None and len(self.digest) == {"sha256": 32, "sha1": 20, "sha512": 64}[self.algorithm]


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """The start of a day, in UTC or in whatever time zone the device is in."""

    day: date
    zone: Literal["utc", "local"]
    line: int = field(default=0, compare=False)

    @property
    def earliest(self) -> datetime:
        """The first instant anywhere after which pins are off; with zone `utc` the same as `latest`."""
        return self._midnight - (_AHEAD_OF_UTC if self.zone == "local" and self._midnight.year > 1 else timedelta())

    @property
    def latest(self) -> datetime:
        return self._midnight + (_BEHIND_UTC if self.zone == "local" else timedelta())

    @property
    def _midnight(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)


@dataclass(frozen=True, kw_only=True)
class PinRule:
    """The pins of a host pattern. No pins in it: the pattern is exempt from pinning, or locked out."""

    domain: str
    """As the platform compares it with `compared_host`; empty: every host that this file's client is sent to."""
    pins: tuple[DeclaredPin, ...] = ()
    ca_pins: tuple[DeclaredPin, ...] = ()
    """Only with position `leaf-and-ca`: those that a CA of the chain must match; `pins` are then the leaf's."""
    subdomains: Literal["none", "one", "all"] = "none"
    apex: bool = True
    position: Literal["leaf", "ca", "any", "leaf-and-ca"] = "any"
    of: Literal["spki", "certificate"] = "spki"
    mode: Literal["restrict", "replace", "add"] = "restrict"
    check_host: bool = True
    """False: the host name is not checked (an option switches it off beside the pin)."""
    enforce: bool = True
    """As the file declares; see `binds` for what the platform makes of it."""
    expires: Expiry | None = None
    min_pins: int = 1
    report_uris: tuple[str, ...] = ()
    excluded: bool = False
    """The file exempts this name on purpose from the rule of a parent domain."""
    lockout: str = field(default="", compare=False)
    """Why no certificate at all is accepted here; empty: not so."""
    anchors_override: bool = False
    """A trust anchor of this rule switches pins off for chains that end in it (`overridePins`)."""
    partial: bool = False
    """It has more pins, which only running the code would show."""
    line: int = field(default=0, compare=False)

    @property
    def all_pins(self) -> tuple[DeclaredPin, ...]:
        return self.pins + self.ca_pins

    def covers(self, name: str) -> bool:
        """`name`: a host as this file's format compares it."""
        if not self.domain:
            return True
        if not name.isascii():
            return False
        if name == self.domain:
            return self.apex
        labels = name.removesuffix("." + self.domain)
        if labels == name or self.subdomains == "none":
            return False
        return self.subdomains == "all" or "." not in labels


@dataclass(frozen=True, kw_only=True)
class PinFile:
    """What one file says in one format."""

    path: str
    format: PinFormat
    rules: tuple[PinRule, ...]
    findings: tuple[LintFinding, ...] = field(default=(), compare=False)
    """What the reader met: everything that only the text of the file shows."""
    crash: str = field(default="", compare=False)
    """Why the app does not start with this file; empty: not so."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """What belongs to the file and to no domain (max-age, swizzling …), for the writer of the same format."""

    def covering(self, name: str) -> list[PinRule]:
        """The rules that cover a name, as the format compares it, in the order of the file."""
        ends = [name[at + 1 :] for at, letter in enumerate(name) if letter == "."] if len(name) <= MAX_NAME else []
        numbers = {number for end in ("", name, *ends) for number in self._numbers.get(end, ())}
        return [self.rules[number] for number in sorted(numbers) if self.rules[number].covers(name)]

    @cached_property
    def _numbers(self) -> Mapping[str, list[int]]:
        """By domain. Looked up, since a file may have thousands of rules and be asked about each."""
        found: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            found.setdefault(rule.domain, []).append(number)
        return found

    @property
    def partial(self) -> bool:
        """Part of it could not be read, so that it may pin more than its rules say."""
        return any(finding.rule == "unread" for finding in self.findings)

    @property
    def platforms(self) -> frozenset[str]:
        """Which of an app's builds read it; files are only compared across different ones."""
        return PLATFORMS[self.format]


PLATFORMS: Mapping[PinFormat, frozenset[str]] = {
    PinFormat.NSC: frozenset({"android"}),
    PinFormat.TRUSTKIT_ANDROID: frozenset({"android"}),
    PinFormat.OKHTTP: frozenset({"android"}),
    PinFormat.TRUSTKIT_IOS: frozenset({"ios"}),
    PinFormat.ATS: frozenset({"ios"}),
    PinFormat.REACT_NATIVE: frozenset({"android", "ios"}),
    PinFormat.FLUTTER: frozenset({"android", "ios"}),
    **{
        each: frozenset({each.value})
        for each in (
            PinFormat.CURL,
            PinFormat.WGET,
            PinFormat.GIT,
            PinFormat.HPKP,
            PinFormat.KEYRING,
            PinFormat.ENVOY,
            PinFormat.DANE,
        )
    },
}
_MOST_SPECIFIC = frozenset({PinFormat.NSC, PinFormat.TRUSTKIT_ANDROID, PinFormat.TRUSTKIT_IOS, PinFormat.REACT_NATIVE})
"""One rule decides: that of the name itself, else that of the longest parent. The others unite all that cover."""


_KEEP_LAST_DOT = frozenset({PinFormat.OKHTTP, PinFormat.TRUSTKIT_IOS, PinFormat.REACT_NATIVE})
"""Those that compare the host of a connection with the dot that an address such as https://example.com./ has. The
others take it off: AOSP's ApplicationConfig, Apple's parseNSPinnedDomains, git's match_host, the command-line tools."""


def compared_host(format_: PinFormat, host: str) -> str:
    """The host of a connection, as the platform compares it with the names in its file."""
    name = to_ascii(host)
    return name if format_ in _KEEP_LAST_DOT else name.removesuffix(".")


def rules_for(pin_file: PinFile, host: str) -> tuple[PinRule, ...]:
    """The rules that this format really applies to a host; none: the host is not pinned."""
    name = compared_host(pin_file.format, host)
    covering = tuple(pin_file.covering(name))
    if pin_file.format not in _MOST_SPECIFIC or not covering:
        return covering
    longest = max(len(rule.domain) for rule in covering)
    return tuple(rule for rule in covering if len(rule.domain) == longest)[:1]


def binds(pin_file: PinFile, rule: PinRule) -> bool:
    """Does a mismatch end the connection? TrustKit-Android's switch does not reach the platform's own pins."""
    return rule.enforce or pin_file.format is PinFormat.TRUSTKIT_ANDROID

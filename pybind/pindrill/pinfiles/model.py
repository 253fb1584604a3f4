"""Pins as an app ships them, and findings about them: one model for every format."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Literal

from pindrill.pinfiles.digests import encoded

DIGEST_OF_NOTHING = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of empty input: a pipe that was fed an empty file. Base64 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=."""
_AHEAD_OF_UTC = timedelta(hours=14)
_BEHIND_UTC = timedelta(hours=12)


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
    def base64(self) -> str:
        """Of a pin that has a digest."""
        assert self.digest is not None
        return encoded(self.digest)

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
    """As the platform compares it (`PinFormat.compared`); empty: every host that this file's client is sent to."""
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

"""Every lint rule: its stable id, what it costs as a rule, why it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pindrill.pinfiles.model import LintFinding, Severity

_NO_PINNING = ("MASTG-TEST-0242", "MASWE-0047")
_EXPIRED = ("MASTG-TEST-0243", "MASWE-0047")
_WEAKNESS = ("MASWE-0047",)


@dataclass(frozen=True, kw_only=True)
class Rule:
    id: str
    severity: Severity
    why: str
    owasp: tuple[str, ...] = ()


def _error(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.ERROR, why=why, owasp=owasp)


def _warning(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.WARNING, why=why, owasp=owasp)


def _info(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.INFO, why=why, owasp=owasp)


_ALL = (
    # What is pinned
    _error("no-pins", "a host is named for pinning, but nothing pins it", _NO_PINNING),
    _warning("no-backup", "when the only pinned key is lost or replaced, every installed app is locked out"),
    _error("too-few-pins", "the library refuses to start with so few pins"),
    _warning("backup-equals-current", "a backup that is the current pin again backs up nothing"),
    _warning("mixed-positions", "a CA pin beside a leaf pin: whoever gets a certificate of that CA passes"),
    _error("host-unpinned", "a host that was asked for is not pinned by this file", _NO_PINNING),
    _info("hole", "names near the pinned one that the pins do not reach"),
    _error("exempt", "a nested or sibling entry takes pinning away from part of a pinned domain", _NO_PINNING),
    _info("excluded", "the file exempts this name on purpose", _WEAKNESS),
    _warning("platforms-differ", "one build of the app survives a rotation that locks the other out"),
    # The digest
    _error("digest-of-nothing", "the digest of empty input: a pipe was fed an empty file, no key has it"),
    _error("placeholder", "a text that was to be replaced, no key has it"),
    _error("pin-length", "not the length of the digest, so it can match nothing"),
    _error("pin-encoding", "not the base64 or hex that this format takes"),
    _error("pin-prefix", "a prefix that this format does not take becomes part of the digest or stops the app"),
    _error("pin-algorithm", "an algorithm that this format does not take"),
    _warning("weak-algorithm", "collisions of SHA-1 can be made"),
    _error("certificate-pinned", "the digest of a certificate where that of a key is compared: it never matches"),
    _error("key-pinned", "the digest of a key where that of a certificate is compared: it never matches"),
    _error("ca-at-leaf", "the key of a CA where only the server's own key is compared: it never matches"),
    _error("interception-ca", "the key of this interception CA is public: anyone can read the traffic", _WEAKNESS),
    _warning("public-ca", "anyone who gets a certificate from this CA passes, and CAs retire their keys"),
    _error("pins-do-not-match", "no pin matches the chain that was given: the app is locked out"),
    # Switches and dates
    _error("expired", "after its date a pin set is off, and trust anchors alone decide", _EXPIRED),
    _warning("expires-soon", "after its date a pin set is off, and trust anchors alone decide", _EXPIRED),
    _error("expiration-format", "a date that is not written yyyy-MM-dd is another date, none, or a crash"),
    _error("enforcement-off", "a mismatch is reported, and the connection goes on", _NO_PINNING),
    _error("override-pins", "chains that end in these trust anchors are not checked against the pins", _WEAKNESS),
    _info("debug-overrides", "debuggable builds trust more and check no pins for it"),
    _warning("report-uri-on-pinned-host", "when pins fail, the report about it fails with them"),
    _error("validation-off", "the option beside the pin switches certificate validation off"),
    # The shape of the file
    _error("domain-form", "not a plain host name, so no connection has this name"),
    _error("domain-duplicate", "the platform takes a domain once"),
    _error("structure", "the platform refuses the file, and the app with it"),
    _error("key-case", "a key in the wrong case is another key"),
    _error("key-place", "a key in another place than its own is not read", _NO_PINNING),
    _error("value-type", "a value of another type than the platform reads"),
    _warning("library-reads-less", "the library takes only part of what the platform takes"),
    _error("library-stops", "the library does not get past this file"),
    _error("not-a-public-domain", "the library takes no host outside the public suffix list"),
    _error("pin-separator", "pins are parted in a way that the tool does not part them"),
    _error("header-ignored", "a user agent ignores this header"),
    _error("unused", "nothing refers to this file", _NO_PINNING),
    _info("unread", "part of the source that could not be read without running it"),
)
RULES: Mapping[str, Rule] = {rule.id: rule for rule in _ALL}


class Notes:
    """Collects the findings of one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[LintFinding] = []

    def add(
        self, rule: str, line: int, message: str, *, effect: str, fix: str, severity: Severity | None = None
    ) -> None:
        known = RULES[rule]
        self.findings.append(
            LintFinding(
                file=self.path,
                line=max(line, 1),
                rule=rule,
                severity=severity or known.severity,
                message=message,
                effect=effect,
                fix=fix,
                owasp=known.owasp,
            )
        )

    def done(self) -> tuple[LintFinding, ...]:
        return tuple(self.findings)

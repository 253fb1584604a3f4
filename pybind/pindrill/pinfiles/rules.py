"""The lint rules of more than one format: stable id, what it costs as a rule, why it matters; and a file's findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pindrill.pinfiles.model import LintFinding, Severity

NO_PINNING = ("MASTG-TEST-0242", "MASWE-0047")
EXPIRED = ("MASTG-TEST-0243", "MASWE-0047")
WEAKNESS = ("MASWE-0047",)


@dataclass(frozen=True, kw_only=True)
class Rule:
    id: str
    severity: Severity
    why: str
    owasp: tuple[str, ...] = ()
    leaves_no_pin: bool = False
    """It explains why a file has no pins."""
    tells_too_few: bool = False
    """It says already that there are too few pins."""


def error(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.ERROR, why=why, owasp=owasp)


def warning(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.WARNING, why=why, owasp=owasp)


def info(id_: str, why: str, owasp: tuple[str, ...] = ()) -> Rule:
    return Rule(id=id_, severity=Severity.INFO, why=why, owasp=owasp)


def explains(rule: Rule) -> Rule:
    """Why a file has no pins."""
    return replace(rule, leaves_no_pin=True)


_SHARED = (
    # What is pinned
    explains(error("no-pins", "a host is named for pinning, but nothing pins it", NO_PINNING)),
    warning("no-backup", "when the only pinned key is lost or replaced, every installed app is locked out"),
    replace(error("too-few-pins", "the library refuses to start with so few pins"), tells_too_few=True),
    warning("backup-equals-current", "a backup that is the current pin again backs up nothing"),
    warning("mixed-positions", "a CA pin beside a leaf pin: whoever gets a certificate of that CA passes"),
    error("host-unpinned", "a host that was asked for is not pinned by this file", NO_PINNING),
    info("hole", "names near the pinned one that the pins do not reach"),
    error("exempt", "a nested or sibling entry takes pinning away from part of a pinned domain", NO_PINNING),
    info("excluded", "the file exempts this name on purpose", WEAKNESS),
    warning("platforms-differ", "one build of the app survives a rotation that locks the other out"),
    # The digest
    error("digest-of-nothing", "the digest of empty input: a pipe was fed an empty file, no key has it"),
    error("placeholder", "a text that was to be replaced, no key has it"),
    error("digest-is-text", "the characters of a text where the bytes of a digest are due: no key has it"),
    error("pin-length", "not the length of the digest, so it can match nothing"),
    error("pin-encoding", "not the base64 or hex that this format takes"),
    explains(
        error("pin-prefix", "a prefix that this format does not take becomes part of the digest or stops the app")
    ),
    error("pin-algorithm", "an algorithm that this format does not take"),
    error("certificate-pinned", "the digest of a certificate where that of a key is compared: it never matches"),
    error("key-pinned", "the digest of a key where that of a certificate is compared: it never matches"),
    error("ca-at-leaf", "the key of a CA where only the server's own key is compared: it never matches"),
    error("interception-ca", "the key of this interception CA is public: anyone can read the traffic", WEAKNESS),
    warning("public-ca", "anyone who gets a certificate from this CA passes, and CAs retire their keys"),
    error("pins-do-not-match", "no pin matches the chain that was given: the app is locked out"),
    # Switches and dates
    error("expired", "after its date a pin set is off, and trust anchors alone decide", EXPIRED),
    warning("expires-soon", "after its date a pin set is off, and trust anchors alone decide", EXPIRED),
    error("expiration-format", "a date that is not written yyyy-MM-dd is another date, none, or a crash"),
    error("enforcement-off", "a mismatch is reported, and the connection goes on", NO_PINNING),
    warning("report-uri-on-pinned-host", "when pins fail, the report about it fails with them"),
    error("validation-off", "the option beside the pin switches certificate validation off"),
    # The shape of the file
    error("domain-form", "not a plain host name, so no connection has this name"),
    explains(error("structure", "the platform refuses the file, and the app with it")),
    explains(error("key-case", "a key in the wrong case is another key")),
    explains(error("value-type", "a value of another type than the platform reads")),
    explains(error("unused", "nothing refers to this file", NO_PINNING)),
    explains(info("unread", "part of the source that could not be read without running it")),
)
SHARED_RULES: Mapping[str, Rule] = {rule.id: rule for rule in _SHARED}


class Notes:
    """Collects the findings of one file."""

    def __init__(self, path: str, own: Collection[Rule] = ()) -> None:
        """`own`: the rules that its format alone has."""
        self.path = path
        self._rules = {**SHARED_RULES, **{rule.id: rule for rule in own}} if own else SHARED_RULES
        self.findings: list[LintFinding] = []

    def add(
        self, rule: str, line: int, message: str, *, effect: str, fix: str, severity: Severity | None = None
    ) -> None:
        known = self._rules[rule]
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

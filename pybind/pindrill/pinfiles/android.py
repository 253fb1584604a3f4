"""Android's Network Security Config, and the TrustKit-Android configuration that is written into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from pindrill.model import UsageError
from pindrill.pinfiles import digests
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.markup import Element, parse
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinFile, PinFormat, PinRule, Severity
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

ROOT = "network-security-config"
MAX_PINS_OF_SET = 1000
_CRASH = "the platform refuses the whole file: the app crashes at start"
_READING = PinReading(
    decode=digests.android,
    undecodable=_CRASH,
    wrong_length=_CRASH,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_DATE = re.compile(r"[ \t]*(\d+)-[ \t]*(\d+)-[ \t]*(\d+)")
"""As SimpleDateFormat parses yyyy-MM-dd: any number of digits, and what follows is not looked at."""
_WRITTEN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIX = 'write expiration="yyyy-MM-dd"'
_SOURCES = ("system", "user", "wfa")
_TRIMMED = "".join(map(chr, range(0x21)))
"""What Java's String.trim takes off; a no-break space stays."""


@dataclass
class _Inherited:
    """What a nested domain-config takes over, by the platform's rules."""

    pins: tuple[DeclaredPin, ...] = ()
    expires: Expiry | None = None
    anchors_override: bool = False
    enforce: bool | None = None
    report_uris: tuple[str, ...] = ()


@dataclass
class _Reader:
    notes: Notes
    rules: list[PinRule] = field(default_factory=list)
    crash: str = ""
    trustkit: bool = False
    seen: dict[str, int] = field(default_factory=dict)
    base_overrides: bool = False

    def refuse(self, rule: str, line: int, message: str, fix: str) -> None:
        self.notes.add(rule, line, message, effect=_CRASH, fix=fix)
        self.crash = self.crash or f"{message} (line {line})"


def read_android(source: Source, *, debuggable: bool | None = None) -> PinFile:
    """`debuggable`: as the app's manifest says, where it is at hand."""
    root = parse(source)
    if root.tag != ROOT:
        raise source.refuse(root.line, f"the root is <{root.tag}>, not <{ROOT}>", "give a Network Security Config")
    reader = _Reader(Notes(source.path))
    reader.trustkit = _has_trustkit(root)
    for tag in ("base-config", "debug-overrides"):
        for extra in root.of(tag)[1:]:
            reader.refuse("structure", extra.line, f"a second <{tag}>", f"keep one <{tag}>")
    for base in root.of("base-config"):
        _read_base(base, reader)
    for overrides in root.of("debug-overrides"):
        _read_debug(overrides, reader, debuggable)
    for config in root.of("domain-config"):
        _read_config(config, _Inherited(anchors_override=reader.base_overrides), reader)
    return PinFile(
        path=source.path,
        format=PinFormat.TRUSTKIT_ANDROID if reader.trustkit else PinFormat.NSC,
        rules=tuple(reader.rules),
        findings=reader.notes.done(),
        crash=reader.crash,
    )


def _has_trustkit(root: Element) -> bool:
    return root.tag == "trustkit-config" or any(_has_trustkit(child) for child in root.children)


def _read_base(base: Element, reader: _Reader) -> None:
    for child in base.children:
        if child.tag in ("domain", "pin-set", "domain-config"):
            reader.refuse(
                "structure", child.line, f"<{child.tag}> in <base-config>", "move it into a <domain-config> of its own"
            )
    reader.base_overrides = bool(_overriding(base, reader, default=False))


def _read_debug(overrides: Element, reader: _Reader, debuggable: bool | None) -> None:
    for line in _overriding(overrides, reader, default=True):
        reader.notes.add(
            "debug-overrides",
            line,
            "debug-overrides add trust anchors whose chains are not checked against pins",
            effect="this build is debuggable: whoever holds such a CA reads its traffic"
            if debuggable
            else "only debuggable builds read this; a release build does not",
            fix="release a build with android:debuggable off" if debuggable else "nothing, in a release build",
            severity=Severity.ERROR if debuggable else None,
        )
    if reader.trustkit and not overrides.of("trust-anchors"):
        reader.notes.add(
            "library-stops",
            overrides.line,
            "<debug-overrides> without <trust-anchors>",
            effect="TrustKit-Android reads on for the missing element and never returns: the app hangs at start",
            fix="put <trust-anchors> into it, or take <debug-overrides> out",
        )


def _read_config(config: Element, inherited: _Inherited, reader: _Reader) -> None:
    domains = config.of("domain")
    if not domains:
        reader.refuse("structure", config.line, "a <domain-config> without <domain>", "name its domain in it")
    overriding = _overriding(config, reader, default=False)
    own = _Inherited(
        pins=inherited.pins,
        expires=inherited.expires,
        anchors_override=bool(overriding) if config.of("trust-anchors") else inherited.anchors_override,
        enforce=inherited.enforce,
        report_uris=inherited.report_uris,
    )
    sets = config.of("pin-set")
    for extra in sets[1:]:
        reader.refuse("structure", extra.line, "a second <pin-set> in one <domain-config>", "put all pins into one")
    if sets:
        own.pins = _read_pins(sets[0], reader)
        own.expires = _read_expiry(sets[0], reader)
        _note_emptied(sets, inherited, reader)
        if own.anchors_override and not config.of("trust-anchors"):
            overriding = [config.line]
    for line in overriding if own.pins else ():
        reader.notes.add(
            "override-pins",
            line,
            'overridePins="true" beside a pin set',
            effect="chains that end in these trust anchors are accepted without a look at the pins",
            fix='remove overridePins="true" from the trust anchors that apply here',
        )
    _read_trustkit(config, own, reader)
    reader.rules += [rule for domain in domains if (rule := _read_domain(domain, own, reader))]
    if reader.trustkit:
        _note_last_domain(domains, own, reader)
    for nested in config.of("domain-config"):
        _read_config(nested, own, reader)


def _note_emptied(sets: Sequence[Element], inherited: _Inherited, reader: _Reader) -> None:
    """One that empties inherited pins is found in the rules that come of it."""
    if not sets[0].of("pin") and not inherited.pins:
        reader.notes.add(
            "no-pins",
            sets[0].line,
            "an empty <pin-set>",
            effect="an empty set switches pinning off: trust anchors alone decide",
            fix="put a current and a backup pin into it, or remove it",
        )


def _read_domain(domain: Element, own: _Inherited, reader: _Reader) -> PinRule | None:
    """AOSP's XmlConfigSource trims the name and makes it small, and no more: ApplicationConfig takes the last dot off
    the host of a connection, not off the entry's name, and knows no IDN."""
    name = domain.text.strip(_TRIMMED).lower()
    if not name:
        reader.refuse("structure", domain.line, "a <domain> without a name", "write the host name into it")
        return None
    if domain.children:
        reader.refuse("structure", domain.line, "an element inside <domain>", "write only the host name into it")
    if name in reader.seen:
        reader.refuse(
            "domain-duplicate",
            domain.line,
            f"{name} is named again (first on line {reader.seen[name]})",
            "name each domain once, with all its pins in one <pin-set>",
        )
    reader.seen.setdefault(name, domain.line)
    note_form(name, domain.line, reader.notes, wildcard_fix='write the parent domain with includeSubdomains="true"')
    return PinRule(
        domain=name,
        pins=own.pins,
        subdomains="all" if _boolean(domain, "includeSubdomains") else "none",
        enforce=bool(own.enforce) if reader.trustkit else True,
        expires=own.expires,
        min_pins=2 if reader.trustkit and own.enforce else 1,
        report_uris=own.report_uris,
        anchors_override=own.anchors_override,
        line=domain.line,
    )


def _read_pins(pin_set: Element, reader: _Reader) -> tuple[DeclaredPin, ...]:
    pins = []
    found = pin_set.of("pin")
    if len(found) > MAX_PINS_OF_SET:
        raise UsageError(
            f"{reader.notes.path}:{pin_set.line}: {len(found)} pins in one <pin-set>; no app has more than "
            f"{MAX_PINS_OF_SET}"
        )
    for pin in found:
        algorithm = pin.string("digest") or ""
        text = pin.text.strip()
        if algorithm.upper() != "SHA-256":
            reader.refuse(
                "pin-algorithm", pin.line, f"digest='{algorithm[:40]}' is not SHA-256", 'write digest="SHA-256"'
            )
        elif reader.trustkit and algorithm != "SHA-256":
            reader.refuse("pin-algorithm", pin.line, "TrustKit takes 'SHA-256' only so", 'write digest="SHA-256"')
        if pin.children or not text:
            reader.refuse("structure", pin.line, "a <pin> without its digest alone in it", "write the digest into it")
            continue
        read = read_pin(text, pin.line, _READING, reader.notes)
        reader.crash = reader.crash or read.crash
        pins.append(read.pin)
    return tuple(pins)


def _read_expiry(pin_set: Element, reader: _Reader) -> Expiry | None:
    """Midnight at the start of the day, in the device's time zone."""
    text = pin_set.string("expiration")
    if text is None:
        return None
    found, line = _DATE.match(text), pin_set.line
    try:
        if not found:
            raise ValueError
        year, month, day = (int(part) for part in found.groups())
        if year > date.max.year and 1 <= month <= 12 and 1 <= day <= 31:
            _note_odd_date(reader, line, text, f"it is the year {year}: the pins never expire", Severity.WARNING)
            return None
        expires = Expiry(day=date(year, month, day), zone="local", line=line)
    except ValueError:
        reader.refuse("expiration-format", line, f"expiration '{text[:40]}' is no date yyyy-MM-dd", _DATE_FIX)
        return None
    if not _WRITTEN_DATE.fullmatch(text):
        effect = f"the platform reads it as {expires.day.isoformat()}"
        _note_odd_date(reader, line, text, effect, Severity.ERROR if year < 1000 else Severity.WARNING)
    return expires


def _note_odd_date(reader: _Reader, line: int, text: str, effect: str, severity: Severity) -> None:
    reader.notes.add(
        "expiration-format",
        line,
        f"expiration '{text[:40]}' is not written yyyy-MM-dd",
        effect=effect,
        fix=_DATE_FIX,
        severity=severity,
    )


def _overriding(config: Element, reader: _Reader, *, default: bool) -> list[int]:
    """The lines of the trust anchors whose chains are not checked against pins. A release build skips what stands
    in debug-overrides, where overriding is the default."""
    anchors = config.of("trust-anchors")
    for extra in [] if default else anchors[1:]:
        reader.refuse("structure", extra.line, "a second <trust-anchors>", "put all <certificates> into one")
    lines = []
    for certificates in anchors[0].of("certificates") if anchors else []:
        where = certificates.string("src") or ""
        if not default and where not in _SOURCES and not where.startswith("@"):
            reader.refuse(
                "structure",
                certificates.line,
                f"certificates src='{where[:40]}'",
                "write system, user or a resource (@raw/…)",
            )
        if _boolean(certificates, "overridePins", default=default):
            lines.append(certificates.line)
    return lines


def _boolean(element: Element, name: str, *, default: bool = False) -> bool:
    """As aapt compiles it and the platform reads it: a boolean or any number but 0; other texts are not looked at."""
    value = element.attributes.get(name)
    if isinstance(value, bool | int):
        return bool(value)
    if value in ("true", "TRUE", "True"):
        return True
    if value in ("false", "FALSE", "False"):
        return False
    if value is not None and re.fullmatch(r"-?\d{1,10}|0[xX][0-9a-fA-F]{1,8}", value):
        return int(value, 0 if value.lower().startswith("0x") else 10) != 0
    return default


def _read_trustkit(config: Element, own: _Inherited, reader: _Reader) -> None:
    for element in config.of("trustkit-config"):
        enforce = element.string("enforcePinning")
        own.enforce = enforce is not None and enforce.lower() == "true"
        own.report_uris = tuple(uri.text.strip() for uri in element.of("report-uri"))
    if reader.trustkit and own.pins and not own.enforce:
        found = config.of("trustkit-config")
        reader.notes.add(
            "enforcement-off",
            found[0].line if found else config.line,
            "enforcePinning is not true" + ("" if found else " (no <trustkit-config> here or around it)"),
            effect="TrustKit only reports a mismatch. The platform's own check of the same pins (Android 7 and later) "
            "still ends the connection, but not for code that uses TrustKit's trust manager in its place",
            fix='write <trustkit-config enforcePinning="true">',
            severity=Severity.WARNING,
        )
    if own.enforce and len({pin.digest for pin in own.pins}) < 2 and config.of("domain") and _counts(config, own):
        reader.notes.add(
            "too-few-pins",
            config.line,
            f"{len(own.pins)} pin with enforcePinning",
            effect="TrustKit-Android throws when it is initialised: the app crashes at start",
            fix="add a backup pin",
        )
        reader.crash = reader.crash or f"TrustKit wants two pins (line {config.line})"


def _counts(config: Element, own: _Inherited) -> bool:
    """TrustKit skips a config that neither has nor inherits a pin set."""
    return bool(own.pins or config.of("pin-set"))


def _note_last_domain(domains: Sequence[Element], own: _Inherited, reader: _Reader) -> None:
    for domain in domains[:-1] if own.pins else ():
        reader.notes.add(
            "library-reads-less",
            domain.line,
            f"{domain.text.strip()[:80]} is not the last <domain> of its config",
            effect="TrustKit-Android keeps the last <domain> only: it neither checks nor reports this one; "
            "the platform's own check covers it",
            fix="give each domain a <domain-config> of its own",
        )

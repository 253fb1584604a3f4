"""Android's Network Security Config read as the platform reads it, whoever else reads it too."""

from __future__ import annotations

from collections.abc import Sequence

from pindrill.pinfiles.formats.android_nsc import trustkit
from pindrill.pinfiles.formats.android_nsc.pin_set import read_expiry, read_pins
from pindrill.pinfiles.formats.android_nsc.reading import ConfigReading, Inherited, boolean
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import PinRule, Severity
from pindrill.pinfiles.pin_file import PinFile, PinFormat
from pindrill.pinfiles.rules import Notes

_SOURCES = ("system", "user", "wfa")
_TRIMMED = "".join(map(chr, range(0x21)))
"""What Java's String.trim takes off; a no-break space stays."""


def read_config(root: Element, path: str, debuggable: bool | None, form: PinFormat, *, library: bool) -> PinFile:
    """`debuggable`: as the app's manifest says, where it is at hand. `library`: TrustKit reads the file too."""
    reader = ConfigReading(Notes(path, form.rules), library)
    for tag in ("base-config", "debug-overrides"):
        for extra in root.of(tag)[1:]:
            reader.refuse("structure", extra.line, f"a second <{tag}>", f"keep one <{tag}>")
    for base in root.of("base-config"):
        _read_base(base, reader)
    for overrides in root.of("debug-overrides"):
        _read_debug(overrides, reader, debuggable)
    for config in root.of("domain-config"):
        _read_entry(config, Inherited(anchors_override=reader.base_overrides), reader)
    return PinFile(
        path=path,
        format=form,
        rules=tuple(reader.rules),
        findings=reader.notes.done(),
        crash=reader.crash,
    )


def _read_base(base: Element, reader: ConfigReading) -> None:
    for child in base.children:
        if child.tag in ("domain", "pin-set", "domain-config"):
            reader.refuse(
                "structure", child.line, f"<{child.tag}> in <base-config>", "move it into a <domain-config> of its own"
            )
    reader.base_overrides = bool(_overriding(base, reader, default=False))


def _read_debug(overrides: Element, reader: ConfigReading, debuggable: bool | None) -> None:
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
    if reader.library:
        trustkit.note_debug(overrides, reader.notes)


def _read_entry(config: Element, inherited: Inherited, reader: ConfigReading) -> None:
    domains = config.of("domain")
    if not domains:
        reader.refuse("structure", config.line, "a <domain-config> without <domain>", "name its domain in it")
    overriding = _overriding(config, reader, default=False)
    own = Inherited(
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
        own.pins = read_pins(sets[0], reader)
        own.expires = read_expiry(sets[0], reader)
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
    trustkit.read_switches(config, own, reader)
    reader.rules += [rule for domain in domains if (rule := _read_domain(domain, own, reader))]
    if reader.library:
        trustkit.note_last_domain(domains, own, reader)
    for nested in config.of("domain-config"):
        _read_entry(nested, own, reader)


def _note_emptied(sets: Sequence[Element], inherited: Inherited, reader: ConfigReading) -> None:
    """One that empties inherited pins is found in the rules that come of it."""
    if not sets[0].of("pin") and not inherited.pins:
        reader.notes.add(
            "no-pins",
            sets[0].line,
            "an empty <pin-set>",
            effect="an empty set switches pinning off: trust anchors alone decide",
            fix="put a current and a backup pin into it, or remove it",
        )


def _read_domain(domain: Element, own: Inherited, reader: ConfigReading) -> PinRule | None:
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
        subdomains="all" if boolean(domain, "includeSubdomains") else "none",
        enforce=bool(own.enforce) if reader.library else True,
        expires=own.expires,
        min_pins=2 if reader.library and own.enforce else 1,
        report_uris=own.report_uris,
        anchors_override=own.anchors_override,
        line=domain.line,
    )


def _overriding(config: Element, reader: ConfigReading, *, default: bool) -> list[int]:
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
        if boolean(certificates, "overridePins", default=default):
            lines.append(certificates.line)
    return lines

"""What TrustKit-Android makes of a Network Security Config, beside the platform."""

from __future__ import annotations

from collections.abc import Sequence

from pindrill.pinfiles.formats.android_nsc.reading import ConfigReading, Inherited
from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import Severity
from pindrill.pinfiles.rules import Notes


def has_trustkit(root: Element) -> bool:
    return root.tag == "trustkit-config" or any(has_trustkit(child) for child in root.children)


def note_debug(overrides: Element, notes: Notes) -> None:
    if not overrides.of("trust-anchors"):
        notes.add(
            "library-stops",
            overrides.line,
            "<debug-overrides> without <trust-anchors>",
            effect="TrustKit-Android reads on for the missing element and never returns: the app hangs at start",
            fix="put <trust-anchors> into it, or take <debug-overrides> out",
        )


def read_switches(config: Element, own: Inherited, reader: ConfigReading) -> None:
    for element in config.of("trustkit-config"):
        enforce = element.string("enforcePinning")
        own.enforce = enforce is not None and enforce.lower() == "true"
        own.report_uris = tuple(uri.text.strip() for uri in element.of("report-uri"))
    if reader.library and own.pins and not own.enforce:
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


def _counts(config: Element, own: Inherited) -> bool:
    """TrustKit skips a config that neither has nor inherits a pin set."""
    return bool(own.pins or config.of("pin-set"))


def note_last_domain(domains: Sequence[Element], own: Inherited, reader: ConfigReading) -> None:
    for domain in domains[:-1] if own.pins else ():
        reader.notes.add(
            "library-reads-less",
            domain.line,
            f"{domain.text.strip()[:80]} is not the last <domain> of its config",
            effect="TrustKit-Android keeps the last <domain> only: it neither checks nor reports this one; "
            "the platform's own check covers it",
            fix="give each domain a <domain-config> of its own",
        )

"""TrustKit-Android: its switches in a Network Security Config, which the platform reads as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pindrill.pinfiles.formats.android_nsc import NSC, ROOT
from pindrill.pinfiles.formats.android_nsc.reader import read_config
from pindrill.pinfiles.formats.android_nsc.trustkit import has_trustkit
from pindrill.pinfiles.formats.android_nsc.writer import write_config
from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import PinRule
from pindrill.pinfiles.pin_file import FormatAbilities, InXml, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.rules import error, warning


def _read(root: Element, path: str, debuggable: bool | None) -> PinFile:
    return read_config(root, path, debuggable, TRUSTKIT_ANDROID, library=True)


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    return write_config(rules, library=True)


TRUSTKIT_ANDROID = PinFormat(
    name="trustkit-android",
    title="TrustKit-Android",
    page="trustkit-android.md",
    meaning="As a Network Security Config, which the platform itself enforces; TrustKit's own "
    "check and its reports come on top, and enforcePinning switches only that.",
    found=InXml(root=ROOT, has=has_trustkit, read=_read),
    writer=PinWriter(
        can=FormatAbilities(
            subdomains=("none", "all"),
            expires="local",
            report_uris=True,
            report_only=True,
            exempt="below",
            min_pins=2,
        ),
        write=_write,
    ),
    rules=(
        *NSC.rules,
        warning("library-reads-less", "the library takes only part of what the platform takes"),
        error("library-stops", "the library does not get past this file"),
    ),
    apps=frozenset({"android"}),
    most_specific=True,
    covers_names=True,
    always_binds=True,  # its switch does not reach the platform's own pins
)

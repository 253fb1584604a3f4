"""Android's Network Security Config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pindrill.pinfiles.formats.android_nsc.reader import read_config
from pindrill.pinfiles.formats.android_nsc.trustkit import has_trustkit
from pindrill.pinfiles.formats.android_nsc.writer import write_config
from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import PinRule
from pindrill.pinfiles.pin_file import FormatAbilities, InXml, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.rules import WEAKNESS, error, info

ROOT = "network-security-config"


def _has(root: Element) -> bool:
    return not has_trustkit(root)


def _read(root: Element, path: str, debuggable: bool | None) -> PinFile:
    return read_config(root, path, debuggable, NSC, library=False)


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    return write_config(rules, library=False)


NSC = PinFormat(
    name="android-nsc",
    title="Android Network Security Config",
    page="android-nsc.md",
    meaning="The most specific entry decides. A pin may match any key of the validated chain. "
    "After local midnight of the expiration nothing is pinned.",
    found=InXml(root=ROOT, has=_has, read=_read),
    writer=PinWriter(
        can=FormatAbilities(subdomains=("none", "all"), expires="local", exempt="below"),
        write=_write,
    ),
    rules=(
        error("override-pins", "chains that end in these trust anchors are not checked against the pins", WEAKNESS),
        info("debug-overrides", "debuggable builds trust more and check no pins for it"),
        error("domain-duplicate", "the platform takes a domain once"),
    ),
    apps=frozenset({"android"}),
    most_specific=True,
    covers_names=True,
)

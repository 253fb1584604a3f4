"""What is kept while a Network Security Config is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinRule
from pindrill.pinfiles.rules import Notes

CRASH = "the platform refuses the whole file: the app crashes at start"


@dataclass
class Inherited:
    """What a nested domain-config takes over, by the platform's rules."""

    pins: tuple[DeclaredPin, ...] = ()
    expires: Expiry | None = None
    anchors_override: bool = False
    enforce: bool | None = None
    report_uris: tuple[str, ...] = ()


@dataclass
class ConfigReading:
    notes: Notes
    library: bool
    """TrustKit-Android reads the file too."""
    rules: list[PinRule] = field(default_factory=list)
    crash: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    base_overrides: bool = False

    def refuse(self, rule: str, line: int, message: str, fix: str) -> None:
        self.notes.add(rule, line, message, effect=CRASH, fix=fix)
        self.crash = self.crash or f"{message} (line {line})"


def boolean(element: Element, name: str, *, default: bool = False) -> bool:
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

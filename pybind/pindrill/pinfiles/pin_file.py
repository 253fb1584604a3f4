"""What a format of pin files is, and what one file says in one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import LintFinding, PinRule
from pindrill.pinfiles.names import MAX_NAME, to_ascii
from pindrill.pinfiles.plists import Plist
from pindrill.pinfiles.rules import Rule
from pindrill.pinfiles.source import Source


@dataclass(frozen=True, kw_only=True)
class InText:
    """In a text that is neither XML nor a property list. Formats that share one of these share their reader."""

    has: Callable[[str], bool]
    read: Callable[[Source], Sequence[PinFile]]


@dataclass(frozen=True, kw_only=True)
class InPlist:
    """In a property list, which may hold several formats."""

    key: str
    """By which people know that it is there."""
    has: Callable[[Plist], bool]
    read: Callable[[Plist], PinFile]


@dataclass(frozen=True, kw_only=True)
class InXml:
    """In XML, text or Android's binary form."""

    root: str
    has: Callable[[Element], bool]
    read: Callable[[Element, str, bool | None], PinFile]
    """The root, the file's path, and whether the app is debuggable, where its manifest is at hand."""


@dataclass(frozen=True, kw_only=True)
class InFolder:
    """A directory."""

    has: Callable[[Path], bool]
    read: Callable[[Path], PinFile]


@dataclass(frozen=True, kw_only=True)
class FormatAbilities:
    """What a format can say."""

    subdomains: Collection[str]
    apexless: bool = False
    """Subdomains without the apex."""
    position: Literal["any", "leaf", "lists"] = "any"
    expires: Literal["utc", "local"] | None = None
    report_uris: bool = False
    report_only: bool = False
    exempt: Literal["nothing", "name", "below"] = "nothing"
    """A name that is not pinned under one that is: alone, or with everything below it."""
    modes: Collection[str] = ("restrict",)
    sha1: bool = False
    any_host: bool = False
    named_host: bool = True
    one_rule: str = ""
    """Why it has one rule at the most; empty: as many as there are."""
    min_pins: int = 1
    min_pins_reported: int = 1
    """Where a mismatch is only reported."""


@dataclass(frozen=True, kw_only=True)
class PinWriter:
    can: FormatAbilities
    write: Callable[[Sequence[PinRule], Mapping[str, str]], str]
    """Rules that it can say, with the settings of the file; UsageError when a setting is missing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PinFormat:
    """One of the formats in `pindrill.pinfiles.formats`: where it is found, how it is written, what its names mean."""

    name: str
    """On the command line and in JSON."""
    title: str
    page: str
    """Of docs/pin-formats."""
    meaning: str
    """What its platform makes of it, for people."""
    found: InText | InPlist | InXml | InFolder
    writer: PinWriter | None = None
    """None: it is only read."""
    rules: tuple[Rule, ...] = ()
    """Lint rules that no other format has; its reader notes them."""
    apps: frozenset[str] = frozenset()
    """The builds of an app (android, ios) that read it; only they are compared. None: it stands for itself."""
    most_specific: bool = False
    """One rule decides: that of the name itself, else that of the longest parent. Otherwise all that cover unite."""
    keeps_last_dot: bool = False
    """It compares the host of a connection with the dot that an address such as https://example.com./ has."""
    covers_names: bool = False
    """A name stands for a rule about names, not for the one address that is fetched."""
    backed_up_by: Literal["its rule", "its name", "its file"] = "its rule"
    """Where the other pins stand of which one has to match: in the rule, in all rules that cover its names, in the
    lists of keys and of certificates of one file."""
    always_binds: bool = False
    """A mismatch ends the connection even where the file's switch says that it is only reported."""
    unpredictable: str = ""
    """Why nothing can be said about a client, whatever the file holds; empty: it can."""

    def __str__(self) -> str:
        return self.name

    def compared(self, host: str) -> str:
        """The host of a connection, as the platform compares it with the names in its file."""
        name = to_ascii(host)
        return name if self.keeps_last_dot else name.removesuffix(".")


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


def rules_for(pin_file: PinFile, host: str) -> tuple[PinRule, ...]:
    """The rules that this format really applies to a host; none: the host is not pinned."""
    covering = tuple(pin_file.covering(pin_file.format.compared(host)))
    if not pin_file.format.most_specific or not covering:
        return covering
    longest = max(len(rule.domain) for rule in covering)
    return tuple(rule for rule in covering if len(rule.domain) == longest)[:1]


def binds(pin_file: PinFile, rule: PinRule) -> bool:
    """Does a mismatch end the connection?"""
    return rule.enforce or pin_file.format.always_binds

"""TrustKit for iOS: TSKConfiguration in an Info.plist, or its dictionary alone in a property list."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pindrill.pinfiles import digests
from pindrill.pinfiles.hosts import has_public_suffix, mend, note_form
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinRule, Severity
from pindrill.pinfiles.pin_file import FormatAbilities, InPlist, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.plists import Plist
from pindrill.pinfiles.rules import Notes, error

_CONFIGURATION, _DOMAINS = "TSKConfiguration", "TSKPinnedDomains"
_HASHES, _ENFORCE, _SUBDOMAINS = "TSKPublicKeyHashes", "TSKEnforcePinning", "TSKIncludeSubdomains"
_EXPIRES, _REPORT_URIS, _SWIZZLE = "TSKExpirationDate", "TSKReportUris", "TSKSwizzleNetworkDelegates"
_NO_DEFAULT_REPORT = "TSKDisableDefaultReportUri"
_EXCLUDE = "kSKExcludeSubdomainFromParentPolicy"
"""Its real text: the constant is called kTSKExcludeSubdomainFromParentPolicy."""
_KNOWN = frozenset({_HASHES, _ENFORCE, _SUBDOMAINS, _EXPIRES, _REPORT_URIS, _NO_DEFAULT_REPORT, _EXCLUDE})
_CRASH = "TrustKit throws when it is initialised: the app crashes at start"
_READING = PinReading(
    decode=digests.strict,
    undecodable=_CRASH,
    wrong_length=_CRASH,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def _has(plist: Plist) -> bool:
    return _CONFIGURATION in plist.values or _DOMAINS in plist.values


@dataclass
class _Reader:
    plist: Plist
    notes: Notes
    prefix: tuple[str, ...]
    crash: str = ""

    def line(self, *path: str | int) -> int:
        return self.plist.line(*self.prefix, *path)

    def refuse(self, rule: str, line: int, message: str, fix: str) -> None:
        self.notes.add(rule, line, message, effect=_CRASH, fix=fix)
        self.crash = self.crash or f"{message} (line {line})"


def _read(plist: Plist) -> PinFile:
    inside = _CONFIGURATION in plist.values
    configuration = plist.values[_CONFIGURATION] if inside else plist.values
    reader = _Reader(plist, Notes(plist.source.path, TRUSTKIT_IOS.rules), (_CONFIGURATION,) if inside else ())
    rules: list[PinRule] = []
    domains = configuration.get(_DOMAINS) if isinstance(configuration, dict) else None
    if not isinstance(domains, dict) or not domains:
        reader.refuse("structure", reader.line(), f"no domain under {_DOMAINS}", f"put the domains under {_DOMAINS}")
        domains = {}
    for name, entry in domains.items():
        if isinstance(entry, dict):
            rule = _read_domain(reader, name, entry)
            rules += [rule] if name else []
        else:
            reader.refuse("value-type", reader.line(_DOMAINS, name), f"{name} is no dictionary", "make it one")
    read = PinFile(path=plist.source.path, format=TRUSTKIT_IOS, rules=tuple(rules))
    for rule in rules:
        if rule.excluded and not any(other.domain != rule.domain for other in read.covering(rule.domain)):
            reader.refuse(
                "structure",
                rule.line,
                f"{rule.domain} is excluded, but no entry with subdomains covers it",
                "remove the entry, or give its parent domain subdomains",
            )
    swizzle = configuration.get(_SWIZZLE) if isinstance(configuration, dict) else None
    return PinFile(
        path=plist.source.path,
        format=TRUSTKIT_IOS,
        rules=tuple(rules),
        findings=reader.notes.done(),
        crash=reader.crash,
        settings={} if swizzle is None else {_SWIZZLE: str(bool(swizzle)).lower()},
    )


def _read_domain(reader: _Reader, name: str, entry: dict[str, Any]) -> PinRule:
    """TrustKit looks a host up letter by letter, then by isSubdomain, for which a dot in front is part of the host."""
    line = reader.line(_DOMAINS, name)
    below = name.startswith(".") and _true(entry.get(_SUBDOMAINS))
    if not name.isascii() or not has_public_suffix(name.lstrip(".").removesuffix(".")):
        reader.refuse(
            "not-a-public-domain",
            line,
            f"{name} has no suffix of the public suffix list",
            f"{mend(name)}" if not name.isascii() else "TrustKit cannot pin it; pin it by other means",
        )
    else:
        _note_name(reader, name, line, below=below)
    if _true(entry.get(_EXCLUDE)):
        return _read_exclusion(reader, name, entry, line)
    _note_unknown_keys(reader, name, entry)
    enforce = _true(entry.get(_ENFORCE, True))
    pins = _read_pins(reader, name, entry.get(_HASHES), enforce=enforce)
    if not enforce:
        reader.notes.add(
            "enforcement-off",
            reader.line(_DOMAINS, name, _ENFORCE),
            f"{_ENFORCE} is off for {name}",
            effect="a mismatch is reported, and the connection goes on",
            fix=f"remove {_ENFORCE}, it is on by default",
        )
    uris = entry.get(_REPORT_URIS, [])
    return PinRule(
        domain=name.removeprefix(".") if below else name,
        apex=not below,
        pins=pins,
        subdomains="all" if _true(entry.get(_SUBDOMAINS)) else "none",
        enforce=enforce,
        expires=_read_expiry(reader, name, entry.get(_EXPIRES)),
        min_pins=2 if enforce else 1,
        report_uris=tuple(uri for uri in uris if isinstance(uri, str)) if isinstance(uris, list) else (),
        line=line,
    )


def _note_name(reader: _Reader, name: str, line: int, *, below: bool) -> None:
    nothing = "TrustKit compares names letter by letter with the host of the connection: nothing is pinned"
    note_form(
        name,
        line,
        reader.notes,
        wildcard_fix=f"write the parent domain with {_SUBDOMAINS}",
        effect="only names below it are pinned, the name itself is not" if below else nothing,
    )


def _read_exclusion(reader: _Reader, name: str, entry: dict[str, Any], line: int) -> PinRule:
    if len(entry) > 1:
        reader.refuse("structure", line, f"{name} has other keys beside {_EXCLUDE}", "remove the other keys")
    return PinRule(domain=name, excluded=True, line=line)


def _read_pins(reader: _Reader, name: str, texts: Any, *, enforce: bool) -> tuple[DeclaredPin, ...]:
    line = reader.line(_DOMAINS, name, _HASHES)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        reader.refuse("value-type", line, f"{_HASHES} of {name} is no array of strings", "make it one")
        return ()
    pins = []
    for index, text in enumerate(texts):
        read = read_pin(text, reader.line(_DOMAINS, name, _HASHES, index), _READING, reader.notes)
        reader.crash = reader.crash or read.crash
        pins.append(read.pin)
    least = 2 if enforce else 1
    if len({pin.digest for pin in pins}) < least:
        reader.refuse(
            "too-few-pins",
            line,
            f"{len({pin.digest for pin in pins})} different pin(s) for {name}, TrustKit wants {least}",
            "add a backup pin",
        )
    return tuple(pins)


def _read_expiry(reader: _Reader, name: str, text: Any) -> Expiry | None:
    """Midnight UTC; a text that does not parse leaves no date at all."""
    line = reader.line(_DOMAINS, name, _EXPIRES)
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    try:
        if text is None:
            return None
        if found is None:
            raise ValueError
        year, month, day = (int(part) for part in found.groups())
        return Expiry(day=date(year, month, day), zone="utc", line=line)
    except ValueError:
        typed = not isinstance(text, str)
        reader.notes.add(
            "expiration-format",
            line,
            f"{_EXPIRES} of {name} is " + ("no string" if typed else f"'{text[:40]}', not yyyy-MM-dd"),
            effect=_CRASH if typed else "a text that does not parse as a date means that the pins never expire",
            fix="write <string>yyyy-MM-dd</string>",
            severity=Severity.ERROR if typed else Severity.WARNING,
        )
        if typed:
            reader.crash = reader.crash or f"{_EXPIRES} is no string (line {line})"
        return None


def _note_unknown_keys(reader: _Reader, name: str, entry: dict[str, Any]) -> None:
    for key in entry.keys() - _KNOWN:
        meant = next((known for known in _KNOWN if known.lower().lstrip("kt") == str(key).lower().lstrip("kt")), "")
        if not meant and not str(key).startswith(("TSK", "kTSK")):
            continue
        reader.notes.add(
            "key-case",
            reader.line(_DOMAINS, name, key),
            f"'{key}' is no key that TrustKit reads",
            effect="it is ignored, the default holds",
            fix=f"write {meant}" if meant else "remove it, or see the documentation for its name",
            severity=Severity.WARNING,
        )


def _true(value: Any) -> bool:
    """boolValue of a number, a boolean or a string, as Foundation has it."""
    if isinstance(value, str):
        return bool(re.match(r"\s*[+-]?0*[YyTt1-9]", value))
    return bool(value) if isinstance(value, bool | int | float) else False


# --- written ---------------------------------------------------------------------------------------------------


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    configuration: dict[str, Any] = {_DOMAINS: {rule.domain: _policy(rule) for rule in rules}}
    if _SWIZZLE in settings:
        configuration[_SWIZZLE] = settings[_SWIZZLE] == "true"
    return plistlib.dumps({_CONFIGURATION: configuration}, sort_keys=False).decode()


def _policy(rule: PinRule) -> dict[str, Any]:
    if not rule.pins:
        return {_EXCLUDE: True}
    entry: dict[str, Any] = {
        _ENFORCE: rule.enforce,
        _SUBDOMAINS: rule.subdomains == "all",
        _HASHES: [pin.base64 for pin in rule.pins],
    }
    if rule.expires:
        entry[_EXPIRES] = rule.expires.day.isoformat()
    if rule.report_uris:
        entry[_REPORT_URIS] = list(rule.report_uris)
    return entry


TRUSTKIT_IOS = PinFormat(
    name="trustkit-ios",
    title="TrustKit for iOS",
    page="trustkit-ios.md",
    meaning="The most specific entry decides. A pin may match any key of the validated chain. "
    "After midnight UTC of the expiration nothing is pinned.",
    found=InPlist(key=_CONFIGURATION, has=_has, read=_read),
    writer=PinWriter(
        can=FormatAbilities(
            subdomains=("none", "all"), expires="utc", report_uris=True, report_only=True, exempt="name", min_pins=2
        ),
        write=_write,
    ),
    rules=(error("not-a-public-domain", "the library takes no host outside the public suffix list"),),
    apps=frozenset({"ios"}),
    most_specific=True,
    keeps_last_dot=True,
    covers_names=True,
)

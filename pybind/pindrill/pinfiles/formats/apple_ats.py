"""Apple App Transport Security: NSPinnedDomains in an Info.plist."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from typing import Any

from pindrill.pinfiles import digests
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.pin_file import FormatAbilities, InPlist, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.plists import Plist
from pindrill.pinfiles.rules import NO_PINNING, Notes, error, explains

_SETTINGS, _DOMAINS, _EXCEPTIONS = "NSAppTransportSecurity", "NSPinnedDomains", "NSExceptionDomains"
_LEAF, _CA, _SUBDOMAINS, _DIGEST = (
    "NSPinnedLeafIdentities",
    "NSPinnedCAIdentities",
    "NSIncludesSubdomains",
    "SPKI-SHA256-BASE64",
)
_NEVER = "this pin never matches"
_LOCK_OUT = "no certificate can match: the app is locked out of this host"
_READING = PinReading(decode=digests.apple, undecodable=_NEVER, wrong_length=_NEVER)


def _has(plist: Plist) -> bool:
    """Also where the key stands in a place or a case in which it is not read."""
    return any(key.lower() == _SETTINGS.lower() and _mentions(value, 0) for key, value in plist.values.items()) or any(
        key.lower() == _DOMAINS.lower() for key in plist.values
    )


def _mentions(value: Any, depth: int) -> bool:
    if not isinstance(value, dict) or depth > 3:
        return False
    return any(
        (isinstance(key, str) and key.lower() == _DOMAINS.lower()) or _mentions(inner, depth + 1)
        for key, inner in value.items()
    )


def _read(plist: Plist) -> PinFile:
    notes = Notes(plist.source.path, ATS.rules)
    rules: list[PinRule] = []
    settings = plist.values.get(_SETTINGS)
    _note_places(plist, notes)
    domains = settings.get(_DOMAINS) if isinstance(settings, dict) else None
    if domains is not None and not isinstance(domains, dict):
        _wrong_type(notes, plist.line(_SETTINGS, _DOMAINS), _DOMAINS, "a dictionary of domains", "nothing is pinned")
    for name, entry in domains.items() if isinstance(domains, dict) else ():
        line = plist.line(_SETTINGS, _DOMAINS, name)
        if not isinstance(entry, dict):
            _wrong_type(notes, line, name, "a dictionary", "nothing is pinned for it")
            continue
        note_form(name.lower(), line, notes, wildcard_fix=f"write the parent domain with {_SUBDOMAINS}")
        if name:
            rules.append(_read_domain(plist, name, entry, line, notes))
    return PinFile(path=plist.source.path, format=ATS, rules=tuple(rules), findings=notes.done())


def _note_places(plist: Plist, notes: Notes) -> None:
    _note_key(notes, _SETTINGS, plist.values, plist)
    settings = plist.values.get(_SETTINGS)
    if _DOMAINS in plist.values:
        _misplaced(notes, plist.line(_DOMAINS), "the top level")
    if not isinstance(settings, dict):
        return
    _note_key(notes, _DOMAINS, settings, plist, _SETTINGS)
    exceptions = settings.get(_EXCEPTIONS)
    if not isinstance(exceptions, dict):
        return
    if _DOMAINS in exceptions:
        _misplaced(notes, plist.line(_SETTINGS, _EXCEPTIONS, _DOMAINS), _EXCEPTIONS)
    for name, entry in exceptions.items():
        if isinstance(entry, dict) and name != _DOMAINS and _DOMAINS in entry:
            _misplaced(notes, plist.line(_SETTINGS, _EXCEPTIONS, name, _DOMAINS), f"{_EXCEPTIONS}/{name}")


def _misplaced(notes: Notes, line: int, where: str) -> None:
    notes.add(
        "key-place",
        line,
        f"{_DOMAINS} under {where}",
        effect="the system does not look there and says nothing: nothing is pinned",
        fix=f"move it directly under {_SETTINGS}",
    )


def _note_key(notes: Notes, wanted: str, where: dict[str, Any] | Any, plist: Plist, *path: str) -> None:
    for key in where if wanted not in where else ():
        if isinstance(key, str) and key.lower() == wanted.lower():
            notes.add(
                "key-case",
                plist.line(*path, key),
                f"'{key}' is not '{wanted}'",
                effect="keys are case-sensitive: the system reads nothing here, nothing is pinned",
                fix=f"write {wanted}",
            )


def _read_domain(plist: Plist, name: str, entry: dict[str, Any], line: int, notes: Notes) -> PinRule:
    """Apple's parseNSPinnedDomains takes the last dot off the host, not off the name, and compares without case."""
    lockout = ""
    lists: dict[str, tuple[DeclaredPin, ...]] = {_LEAF: (), _CA: ()}
    for key in (_LEAF, _CA):
        if key in entry:
            lists[key], reason = _read_list(plist, name, key, entry[key], notes)
            lockout = lockout or reason
    _note_unread_keys(plist, name, entry, notes)
    if _LEAF not in entry and _CA not in entry:
        notes.add(
            "no-pins",
            line,
            f"{name} has neither {_LEAF} nor {_CA}",
            effect="nothing is pinned for it",
            fix="add one of the two lists",
        )
    return PinRule(
        domain=name.lower(),
        pins=lists[_LEAF],
        ca_pins=lists[_CA],
        position="leaf-and-ca",
        subdomains="one" if _includes_subdomains(plist, name, entry, notes) else "none",
        lockout=lockout,
        line=line,
    )


def _includes_subdomains(plist: Plist, name: str, entry: dict[str, Any], notes: Notes) -> bool:
    value = entry.get(_SUBDOMAINS, False)
    if not isinstance(value, bool):
        _wrong_type(
            notes,
            plist.line(_SETTINGS, _DOMAINS, name, _SUBDOMAINS),
            _SUBDOMAINS,
            "<true/> or <false/>",
            "it counts as false: subdomains are not pinned",
        )
    return value is True


def _read_list(plist: Plist, name: str, key: str, value: Any, notes: Notes) -> tuple[tuple[DeclaredPin, ...], str]:
    """The pins, and why the list locks everybody out."""
    line = plist.line(_SETTINGS, _DOMAINS, name, key)
    if not isinstance(value, list):
        _wrong_type(notes, line, key, "an array of dictionaries", _LOCK_OUT)
        return (), f"{key} is no array"
    if not value:
        notes.add(
            "no-pins",
            line,
            f"{key} of {name} is empty",
            effect=_LOCK_OUT,
            fix="put a current and a backup pin into it, or remove the list",
        )
        return (), f"{key} is empty"
    pins = []
    for index, identity in enumerate(value):
        at = plist.line(_SETTINGS, _DOMAINS, name, key, index)
        if not isinstance(identity, dict):
            _wrong_type(notes, at, f"an entry of {key}", f"a dictionary with {_DIGEST}", _LOCK_OUT)
            return (), f"{key} holds another thing than dictionaries"
        text = identity.get(_DIGEST)
        if text is None:
            _note_digest_key(notes, at, identity)
            return (), f"an entry of {key} has no {_DIGEST}"
        if not isinstance(text, str):
            _wrong_type(notes, at, _DIGEST, "a string", _LOCK_OUT)
            return (), f"{_DIGEST} is no string"
        pins.append(read_pin(text, plist.line(_SETTINGS, _DOMAINS, name, key, index, _DIGEST), _READING, notes).pin)
    return tuple(pins), ""


def _note_digest_key(notes: Notes, line: int, identity: dict[str, Any]) -> None:
    written = next((key for key in identity if isinstance(key, str) and key.upper() == _DIGEST), "")
    notes.add(
        "key-case" if written else "value-type",
        line,
        f"'{written}' is not '{_DIGEST}'" if written else f"an entry without {_DIGEST}",
        effect=_LOCK_OUT,
        fix=f"write {_DIGEST}, in capitals",
    )


def _note_unread_keys(plist: Plist, name: str, entry: dict[str, Any], notes: Notes) -> None:
    for wanted in (_LEAF, _CA, _SUBDOMAINS):
        for key in entry if wanted not in entry else ():
            if isinstance(key, str) and key.lower() == wanted.lower():
                notes.add(
                    "key-case",
                    plist.line(_SETTINGS, _DOMAINS, name, key),
                    f"'{key}' is not '{wanted}'",
                    effect="keys are case-sensitive: the system does not read it",
                    fix=f"write {wanted}",
                )


def _wrong_type(notes: Notes, line: int, what: str, wanted: str, effect: str) -> None:
    notes.add("value-type", line, f"{what} is not {wanted}", effect=effect, fix=f"make it {wanted}")


# --- written ---------------------------------------------------------------------------------------------------


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    domains: dict[str, Any] = {}
    for rule in rules:
        entry: dict[str, Any] = {_SUBDOMAINS: True} if rule.subdomains == "one" else {}
        for key, pins in ((_LEAF, rule.pins), (_CA, rule.ca_pins)):
            if pins:
                entry[key] = [{_DIGEST: pin.base64} for pin in pins]
        domains[rule.domain] = entry
    return plistlib.dumps({_SETTINGS: {_DOMAINS: domains}}, sort_keys=False).decode()


ATS = PinFormat(
    name="apple-ats",
    title="Apple App Transport Security",
    page="apple-ats.md",
    meaning="All entries that cover a host are united. Of the leaf list and the CA list each that is there must "
    "match. Subdomains are one label deep. There is no expiration.",
    found=InPlist(key=_DOMAINS, has=_has, read=_read),
    writer=PinWriter(can=FormatAbilities(subdomains=("none", "one"), position="lists"), write=_write),
    rules=(explains(error("key-place", "a key in another place than its own is not read", NO_PINNING)),),
    apps=frozenset({"ios"}),
    covers_names=True,
    backed_up_by="its name",
)

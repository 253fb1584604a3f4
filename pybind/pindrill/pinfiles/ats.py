"""Apple App Transport Security: NSPinnedDomains in an Info.plist."""

from __future__ import annotations

from typing import Any

from pindrill.pinfiles import digests
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.model import DeclaredPin, PinFile, PinFormat, PinRule
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.plists import Plist
from pindrill.pinfiles.rules import Notes

ATS, DOMAINS, EXCEPTIONS = "NSAppTransportSecurity", "NSPinnedDomains", "NSExceptionDomains"
LEAF, CA, SUBDOMAINS, DIGEST = (
    "NSPinnedLeafIdentities",
    "NSPinnedCAIdentities",
    "NSIncludesSubdomains",
    "SPKI-SHA256-BASE64",
)
_NEVER = "this pin never matches"
_LOCK_OUT = "no certificate can match: the app is locked out of this host"
_READING = PinReading(decode=digests.apple, undecodable=_NEVER, wrong_length=_NEVER)


def has_ats(plist: Plist) -> bool:
    """Also where the key stands in a place or a case in which it is not read."""
    return any(key.lower() == ATS.lower() and _mentions(value, 0) for key, value in plist.values.items()) or any(
        key.lower() == DOMAINS.lower() for key in plist.values
    )


def _mentions(value: Any, depth: int) -> bool:
    if not isinstance(value, dict) or depth > 3:
        return False
    return any(
        (isinstance(key, str) and key.lower() == DOMAINS.lower()) or _mentions(inner, depth + 1)
        for key, inner in value.items()
    )


def read_ats(plist: Plist) -> PinFile:
    notes = Notes(plist.source.path)
    rules: list[PinRule] = []
    settings = plist.values.get(ATS)
    _note_places(plist, notes)
    domains = settings.get(DOMAINS) if isinstance(settings, dict) else None
    if domains is not None and not isinstance(domains, dict):
        _wrong_type(notes, plist.line(ATS, DOMAINS), DOMAINS, "a dictionary of domains", "nothing is pinned")
    for name, entry in domains.items() if isinstance(domains, dict) else ():
        line = plist.line(ATS, DOMAINS, name)
        if not isinstance(entry, dict):
            _wrong_type(notes, line, name, "a dictionary", "nothing is pinned for it")
            continue
        note_form(name.lower(), line, notes, wildcard_fix=f"write the parent domain with {SUBDOMAINS}")
        if name:
            rules.append(_read_domain(plist, name, entry, line, notes))
    return PinFile(path=plist.source.path, format=PinFormat.ATS, rules=tuple(rules), findings=notes.done())


def _note_places(plist: Plist, notes: Notes) -> None:
    _note_key(notes, ATS, plist.values, plist)
    settings = plist.values.get(ATS)
    if DOMAINS in plist.values:
        _misplaced(notes, plist.line(DOMAINS), "the top level")
    if not isinstance(settings, dict):
        return
    _note_key(notes, DOMAINS, settings, plist, ATS)
    exceptions = settings.get(EXCEPTIONS)
    if not isinstance(exceptions, dict):
        return
    if DOMAINS in exceptions:
        _misplaced(notes, plist.line(ATS, EXCEPTIONS, DOMAINS), EXCEPTIONS)
    for name, entry in exceptions.items():
        if isinstance(entry, dict) and name != DOMAINS and DOMAINS in entry:
            _misplaced(notes, plist.line(ATS, EXCEPTIONS, name, DOMAINS), f"{EXCEPTIONS}/{name}")


def _misplaced(notes: Notes, line: int, where: str) -> None:
    notes.add(
        "key-place",
        line,
        f"{DOMAINS} under {where}",
        effect="the system does not look there and says nothing: nothing is pinned",
        fix=f"move it directly under {ATS}",
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
    lists: dict[str, tuple[DeclaredPin, ...]] = {LEAF: (), CA: ()}
    for key in (LEAF, CA):
        if key in entry:
            lists[key], reason = _read_list(plist, name, key, entry[key], notes)
            lockout = lockout or reason
    _note_unread_keys(plist, name, entry, notes)
    if LEAF not in entry and CA not in entry:
        notes.add(
            "no-pins",
            line,
            f"{name} has neither {LEAF} nor {CA}",
            effect="nothing is pinned for it",
            fix="add one of the two lists",
        )
    return PinRule(
        domain=name.lower(),
        pins=lists[LEAF],
        ca_pins=lists[CA],
        position="leaf-and-ca",
        subdomains="one" if _includes_subdomains(plist, name, entry, notes) else "none",
        lockout=lockout,
        line=line,
    )


def _includes_subdomains(plist: Plist, name: str, entry: dict[str, Any], notes: Notes) -> bool:
    value = entry.get(SUBDOMAINS, False)
    if not isinstance(value, bool):
        _wrong_type(
            notes,
            plist.line(ATS, DOMAINS, name, SUBDOMAINS),
            SUBDOMAINS,
            "<true/> or <false/>",
            "it counts as false: subdomains are not pinned",
        )
    return value is True


def _read_list(plist: Plist, name: str, key: str, value: Any, notes: Notes) -> tuple[tuple[DeclaredPin, ...], str]:
    """The pins, and why the list locks everybody out."""
    line = plist.line(ATS, DOMAINS, name, key)
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
        at = plist.line(ATS, DOMAINS, name, key, index)
        if not isinstance(identity, dict):
            _wrong_type(notes, at, f"an entry of {key}", f"a dictionary with {DIGEST}", _LOCK_OUT)
            return (), f"{key} holds another thing than dictionaries"
        text = identity.get(DIGEST)
        if text is None:
            _note_digest_key(notes, at, identity)
            return (), f"an entry of {key} has no {DIGEST}"
        if not isinstance(text, str):
            _wrong_type(notes, at, DIGEST, "a string", _LOCK_OUT)
            return (), f"{DIGEST} is no string"
        pins.append(read_pin(text, plist.line(ATS, DOMAINS, name, key, index, DIGEST), _READING, notes).pin)
    return tuple(pins), ""


def _note_digest_key(notes: Notes, line: int, identity: dict[str, Any]) -> None:
    written = next((key for key in identity if isinstance(key, str) and key.upper() == DIGEST), "")
    notes.add(
        "key-case" if written else "value-type",
        line,
        f"'{written}' is not '{DIGEST}'" if written else f"an entry without {DIGEST}",
        effect=_LOCK_OUT,
        fix=f"write {DIGEST}, in capitals",
    )


def _note_unread_keys(plist: Plist, name: str, entry: dict[str, Any], notes: Notes) -> None:
    for wanted in (LEAF, CA, SUBDOMAINS):
        for key in entry if wanted not in entry else ():
            if isinstance(key, str) and key.lower() == wanted.lower():
                notes.add(
                    "key-case",
                    plist.line(ATS, DOMAINS, name, key),
                    f"'{key}' is not '{wanted}'",
                    effect="keys are case-sensitive: the system does not read it",
                    fix=f"write {wanted}",
                )


def _wrong_type(notes: Notes, line: int, what: str, wanted: str, effect: str) -> None:
    notes.add("value-type", line, f"{what} is not {wanted}", effect=effect, fix=f"make it {wanted}")

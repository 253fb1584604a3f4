"""Pins in JavaScript (react-native-ssl-public-key-pinning)."""

from __future__ import annotations

import re
from datetime import date

from pindrill.pinfiles import digests
from pindrill.pinfiles.code import Code, Text, UnreadValue, Value
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.literals import note_unread, resolved, uses
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinRule
from pindrill.pinfiles.pin_file import InText, PinFile, PinFormat
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_CALL = "initializeSslPinning"
_CRASH = "TrustKit underneath throws on iOS: the app crashes where pinning is set up"
_READING = PinReading(
    decode=digests.strict,
    undecodable=_CRASH,
    wrong_length=_CRASH,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def _has(text: str) -> bool:
    return _CALL in text


def _read(source: Source) -> list[PinFile]:
    code, notes = Code(source.text(), templates=False), Notes(source.path)
    rules: list[PinRule] = []
    crash = ""
    for at in uses(source, code, _CALL, "("):
        arguments = code.arguments(at + 1)
        if not arguments:
            continue
        value = resolved(code, *arguments[0])
        line = code.tokens[at].line
        if not isinstance(value, dict):
            note_unread(notes, line)
            continue
        for name, entry in value.items():
            rule, reason = _rule(name, entry, line, notes)
            crash = crash or reason
            rules += [rule] if rule else []
    if not rules and not notes.findings:
        raise source.refuse(1, f"no {_CALL}({{…}}) in it", "give the source file that calls it")
    return [
        PinFile(path=source.path, format=REACT_NATIVE, rules=tuple(rules), findings=notes.done(), crash=crash),
    ]


def _rule(name: str, entry: Value, line: int, notes: Notes) -> tuple[PinRule | None, str]:
    if not isinstance(entry, dict):
        note_unread(notes, entry.line if isinstance(entry, UnreadValue | Text) else line)
        return None, ""
    listed = entry.get("publicKeyHashes")
    texts = [each for each in listed if isinstance(each, Text)] if isinstance(listed, list) else []
    partial = not isinstance(listed, list) or len(texts) != len(listed)
    if partial:
        note_unread(notes, line)
    read = [read_pin(text.value, text.line, _READING, notes) for text in texts]
    pins: tuple[DeclaredPin, ...] = tuple(each.pin for each in read)
    where = texts[0].line if texts else line
    crash = next((each.crash for each in read if each.crash), "")
    if not partial and len({pin.digest for pin in pins}) < 2:
        notes.add(
            "too-few-pins",
            where,
            f"{len(pins)} pin(s) for {name}, iOS wants 2 different ones",
            effect=_CRASH,
            fix="add a backup pin",
        )
        crash = crash or f"too few pins for {name}"
    note_form(
        name,
        where,
        notes,
        wildcard_fix="write the parent domain with includeSubdomains: true",
        effect="TrustKit underneath compares letter by letter on iOS: the host that is meant is not pinned there",
    )
    if not name:
        return None, crash
    return (
        PinRule(
            domain=name,
            pins=pins,
            subdomains="all" if entry.get("includeSubdomains") is True else "none",
            expires=_expiry(entry.get("expirationDate"), notes),
            min_pins=2,
            partial=partial,
            line=where,
        ),
        crash,
    )


def _expiry(value: Value | None, notes: Notes) -> Expiry | None:
    if not isinstance(value, Text):
        return None
    found = _DATE.fullmatch(value.value)
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(part) for part in found.groups())
        return Expiry(day=date(year, month, day), zone="utc", line=value.line)
    except ValueError:
        notes.add(
            "expiration-format",
            value.line,
            f"expirationDate '{value.value[:40]}' is not yyyy-MM-dd",
            effect="on iOS the pins never expire",
            fix="write 'yyyy-MM-dd'",
        )
        return None


REACT_NATIVE = PinFormat(
    name="react-native",
    title="React Native",
    page="react-native.md",
    meaning="OkHttp on Android and TrustKit on iOS underneath, which wants two pins.",
    found=InText(has=_has, read=_read),
    apps=frozenset({"android", "ios"}),
    most_specific=True,
    keeps_last_dot=True,
    covers_names=True,
)

"""Lists of pins in Dart (http_certificate_pinning) and JavaScript (react-native-ssl-public-key-pinning)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from pindrill.pinfiles import digests
from pindrill.pinfiles.code import MAX_ARGUMENTS, MAX_CALLS, Code, Text, UnreadValue, Value
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinFile, PinFormat, PinRule
from pindrill.pinfiles.names import host_of
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_FLUTTER, _REACT = "allowedSHAFingerprints", "initializeSslPinning"
_NEVER = "this fingerprint never matches"
_FINGERPRINT = PinReading(decode=digests.hexadecimal, undecodable=_NEVER, wrong_length=_NEVER)
_REACT_CRASH = "TrustKit underneath throws on iOS: the app crashes where pinning is set up"
_REACT_PIN = PinReading(
    decode=digests.strict,
    undecodable=_REACT_CRASH,
    wrong_length=_REACT_CRASH,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_NEAR = 40
"""Tokens around a list in which its server is looked for."""
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def has_flutter(text: str) -> bool:
    return _FLUTTER in text


def has_react_native(text: str) -> bool:
    return _REACT in text


def read_flutter(source: Source) -> PinFile:
    code, notes = Code(source.text(), templates=True), Notes(source.path)
    rules: list[PinRule] = []
    for at in _uses(source, code, _FLUTTER, ":"):
        start, end = _argument(code, at + 2)
        server = _server(code, at, notes)
        if server is not None:
            rules += _fingerprints(code, start, end, server, notes)
    if not rules and not notes.findings:
        raise source.refuse(1, f"no {_FLUTTER}: […] in it", "give the source file that has the list")
    return PinFile(path=source.path, format=PinFormat.FLUTTER, rules=tuple(rules), findings=notes.done())


def _fingerprints(code: Code, start: int, end: int, server: str, notes: Notes) -> Iterator[PinRule]:
    """Of the leaf certificate; checked on a connection of its own before the real one."""
    value = _resolved(code, start, end)
    line = code.tokens[min(start, len(code.tokens) - 1)].line
    if not isinstance(value, list):
        _unread(notes, line)
        return
    pins = []
    partial = not all(isinstance(each, Text) for each in value)
    for each in value:
        if not isinstance(each, Text):
            _unread(notes, each.line if isinstance(each, UnreadValue) else line)
            continue
        digest = digests.hexadecimal(each.value)
        weak = digest is not None and len(digest) == 20
        pins.append(read_pin(each.value, each.line, _FINGERPRINT, notes, algorithm="sha1" if weak else "sha256").pin)
    if pins:
        yield PinRule(domain=server, pins=tuple(pins), position="leaf", of="certificate", partial=partial, line=line)


def _uses(source: Source, code: Code, *texts: str) -> list[int]:
    found = [at for at in range(len(code.tokens)) if code.is_at(at, *texts)]
    if len(found) > MAX_CALLS:
        raise source.refuse(1, f"more than {MAX_CALLS} times {texts[0]}", "give the part that has the pins")
    return found


def _argument(code: Code, start: int, most: int = MAX_ARGUMENTS) -> tuple[int, int]:
    """From `start` to the comma or bracket that ends the argument."""
    depth = 0
    for index in range(start, min(len(code.tokens), start + most)):
        token = code.tokens[index]
        if token.kind != "mark":
            continue
        if depth == 0 and token.text in (",", ")", ";", "}"):
            return start, index
        depth += (token.text in "([{") - (token.text in ")]}")
    return start, len(code.tokens)


def _server(code: Code, at: int, notes: Notes) -> str | None:
    """The host of `serverURL: '…'` in the same call, else every host; None when it is the address of no host."""
    for index in range(max(0, at - _NEAR), min(len(code.tokens) - 2, at + _NEAR)):
        if code.is_at(index, "serverURL", ":"):
            value = code.string(*_argument(code, index + 2, _NEAR))
            if isinstance(value, Text):
                return _host_of(value, notes)
    return ""


def _host_of(address: Text, notes: Notes) -> str | None:
    host = host_of(address.value).removesuffix(".")
    note_form(host, address.line, notes, wildcard_fix="write the address of one host")
    return host or None


def read_react_native(source: Source) -> PinFile:
    code, notes = Code(source.text(), templates=False), Notes(source.path)
    rules: list[PinRule] = []
    crash = ""
    for at in _uses(source, code, _REACT, "("):
        arguments = code.arguments(at + 1)
        if not arguments:
            continue
        value = _resolved(code, *arguments[0])
        line = code.tokens[at].line
        if not isinstance(value, dict):
            _unread(notes, line)
            continue
        for name, entry in value.items():
            rule, reason = _react_rule(name, entry, line, notes)
            crash = crash or reason
            rules += [rule] if rule else []
    if not rules and not notes.findings:
        raise source.refuse(1, f"no {_REACT}({{…}}) in it", "give the source file that calls it")
    return PinFile(
        path=source.path, format=PinFormat.REACT_NATIVE, rules=tuple(rules), findings=notes.done(), crash=crash
    )


def _react_rule(name: str, entry: Value, line: int, notes: Notes) -> tuple[PinRule | None, str]:
    if not isinstance(entry, dict):
        _unread(notes, entry.line if isinstance(entry, UnreadValue | Text) else line)
        return None, ""
    listed = entry.get("publicKeyHashes")
    texts = [each for each in listed if isinstance(each, Text)] if isinstance(listed, list) else []
    partial = not isinstance(listed, list) or len(texts) != len(listed)
    if partial:
        _unread(notes, line)
    read = [read_pin(text.value, text.line, _REACT_PIN, notes) for text in texts]
    pins: tuple[DeclaredPin, ...] = tuple(each.pin for each in read)
    where = texts[0].line if texts else line
    crash = next((each.crash for each in read if each.crash), "")
    if not partial and len({pin.digest for pin in pins}) < 2:
        notes.add(
            "too-few-pins",
            where,
            f"{len(pins)} pin(s) for {name}, iOS wants 2 different ones",
            effect=_REACT_CRASH,
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
            expires=_react_expiry(entry.get("expirationDate"), notes),
            min_pins=2,
            partial=partial,
            line=where,
        ),
        crash,
    )


def _react_expiry(value: Value | None, notes: Notes) -> Expiry | None:
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


def _resolved(code: Code, start: int, end: int) -> Value:
    """The literal itself, or the one that the name in its place is set to."""
    if end - start == 1 and code.tokens[start].kind == "name":
        found = code.literals.get(code.tokens[start].text)
        if found:
            return code.value(*found)
    if start < end and code.tokens[start].text == "const":
        start += 1
    return code.value(start, end)


def _unread(notes: Notes, line: int) -> None:
    notes.add(
        "unread",
        line,
        "pins that are no literal or constant of this file",
        effect="they are made when the app runs: not read, not checked",
        fix="look at them by hand, or write them as literals",
    )

"""Lists of fingerprints in Dart (http_certificate_pinning)."""

from __future__ import annotations

from collections.abc import Iterator

from pindrill.pinfiles import digests
from pindrill.pinfiles.code import Code, Text, UnreadValue
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.literals import argument, note_unread, resolved, uses
from pindrill.pinfiles.model import PinRule
from pindrill.pinfiles.names import host_of
from pindrill.pinfiles.pin_file import InText, PinFile, PinFormat
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_LIST = "allowedSHAFingerprints"
_NEVER = "this fingerprint never matches"
_FINGERPRINT = PinReading(decode=digests.hexadecimal, undecodable=_NEVER, wrong_length=_NEVER)
_NEAR = 40
"""Tokens around a list in which its server is looked for."""


def _has(text: str) -> bool:
    return _LIST in text


def _read(source: Source) -> list[PinFile]:
    code, notes = Code(source.text(), templates=True), Notes(source.path)
    rules: list[PinRule] = []
    for at in uses(source, code, _LIST, ":"):
        start, end = argument(code, at + 2)
        server = _server(code, at, notes)
        if server is not None:
            rules += _fingerprints(code, start, end, server, notes)
    if not rules and not notes.findings:
        raise source.refuse(1, f"no {_LIST}: […] in it", "give the source file that has the list")
    return [PinFile(path=source.path, format=FLUTTER, rules=tuple(rules), findings=notes.done())]


def _fingerprints(code: Code, start: int, end: int, server: str, notes: Notes) -> Iterator[PinRule]:
    """Of the leaf certificate; checked on a connection of its own before the real one."""
    value = resolved(code, start, end)
    line = code.tokens[min(start, len(code.tokens) - 1)].line
    if not isinstance(value, list):
        note_unread(notes, line)
        return
    pins = []
    partial = not all(isinstance(each, Text) for each in value)
    for each in value:
        if not isinstance(each, Text):
            note_unread(notes, each.line if isinstance(each, UnreadValue) else line)
            continue
        digest = digests.hexadecimal(each.value)
        weak = digest is not None and len(digest) == 20
        pins.append(read_pin(each.value, each.line, _FINGERPRINT, notes, algorithm="sha1" if weak else "sha256").pin)
    if pins:
        yield PinRule(domain=server, pins=tuple(pins), position="leaf", of="certificate", partial=partial, line=line)


def _server(code: Code, at: int, notes: Notes) -> str | None:
    """The host of `serverURL: '…'` in the same call, else every host; None when it is the address of no host."""
    for index in range(max(0, at - _NEAR), min(len(code.tokens) - 2, at + _NEAR)):
        if code.is_at(index, "serverURL", ":"):
            value = code.string(*argument(code, index + 2, _NEAR))
            if isinstance(value, Text):
                return _host_of(value, notes)
    return ""


def _host_of(address: Text, notes: Notes) -> str | None:
    host = host_of(address.value).removesuffix(".")
    note_form(host, address.line, notes, wildcard_fix="write the address of one host")
    return host or None


FLUTTER = PinFormat(
    name="flutter",
    title="Flutter",
    page="flutter.md",
    meaning="The server's own certificate is compared, on a connection before the real one.",
    found=InText(has=_has, read=_read),
    apps=frozenset({"android", "ios"}),
)

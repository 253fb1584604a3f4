"""DANE TLSA records, RFC 6698 and 7671, as in a zone file or as printed by dig. Read only."""

from __future__ import annotations

import re
from typing import Literal

from pindrill.pinfiles import digests
from pindrill.pinfiles.hosts import note_form
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.pin_file import InText, PinFile, PinFormat
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Lines, Source

_RECORD = re.compile(
    r"""(?imx) ^ [^\S\n]* (?: (?P<owner>\S+) [^\S\n]+ (?:\d+[^\S\n]+)? (?:IN[^\S\n]+)? TLSA [^\S\n]+ )?
    (?P<usage>\d{1,3}) [^\S\n]+ (?P<selector>\d{1,3}) [^\S\n]+ (?P<matching>\d{1,3}) [^\S\n]+
    (?P<data> [0-9A-Fa-f]+ (?:[^\S\n]+[0-9A-Fa-f]+)* | \( [^)]{0,2000} \) | \S+ ) [^\S\n]* (?:;[^\n]*)? $"""
)
_OWNER = re.compile(r"(?i)(_\d+|\*)\._(tcp|udp|sctp)\.(?P<host>.+)")
_MAX_RECORDS = 1000
_UNUSABLE = "the record is unusable: clients act as if it were not there"
_ALGORITHMS = {1: ("sha256", 32), 2: ("sha512", 64)}


def _has(text: str) -> bool:
    return bool(re.search(r"\bTLSA\b", text)) or bool(
        re.search(r"(?m)^[^\S\n]*[0-3][^\S\n]+[01][^\S\n]+[0-2][^\S\n]+[0-9A-Fa-f]{56}", text)
    )


def _read(source: Source) -> list[PinFile]:
    notes, text = Notes(source.path), source.text()
    rules: list[PinRule] = []
    lines = Lines(text)
    for count, record in enumerate(_RECORD.finditer(text)):
        if count >= _MAX_RECORDS:
            raise source.refuse(1, f"more than {_MAX_RECORDS} records", "give those of one host")
        line = lines.at(record.start("usage"))
        rule = _read_record(record, line, notes)
        rules += [rule] if rule else []
    if not rules and not notes.findings:
        raise source.refuse(1, "no TLSA record in it", "write them as '_443._tcp.host. IN TLSA 3 1 1 HEX'")
    return [PinFile(path=source.path, format=DANE, rules=tuple(rules), findings=notes.done())]


def _read_record(record: re.Match[str], line: int, notes: Notes) -> PinRule | None:
    usage, selector, matching = (int(record[name]) for name in ("usage", "selector", "matching"))
    data = re.sub(r";[^\n]*", "", record["data"]).strip("()")
    shown = f"TLSA {usage} {selector} {matching}"
    if usage > 3 or selector > 1 or matching > 2:
        notes.add(
            "structure",
            line,
            f"{shown} has a number that RFC 6698 does not define",
            effect=_UNUSABLE,
            fix="write 3 1 1",
        )
        return None
    if matching == 0:
        notes.add(
            "unread",
            line,
            f"{shown} holds the whole {'key' if selector else 'certificate'}",
            effect="it is compared byte for byte: not read, not checked",
            fix="publish its SHA-256: 3 1 1",
        )
        return None
    algorithm, size = _ALGORITHMS[matching]
    reading = PinReading(decode=digests.hexadecimal, undecodable=_UNUSABLE, wrong_length=_UNUSABLE, size=size)
    pin: DeclaredPin = read_pin("".join(data.split()), line, reading, notes, algorithm=algorithm).pin
    owner = _OWNER.fullmatch(record["owner"] or "")
    # RFC 4343: without case; a last dot makes the name absolute. Letters beyond ASCII are bytes that nobody asks for.
    domain = owner["host"].lower().removesuffix(".") if owner else ""
    if owner:
        note_form(domain, line, notes, wildcard_fix="write a record for each host that connections are made to")
    mode: Literal["restrict", "replace"] = "replace" if usage >= 2 else "restrict"
    return PinRule(
        domain=domain,
        pins=(pin,),
        position="ca" if usage in (0, 2) else "leaf",
        of="spki" if selector else "certificate",
        mode=mode,
        check_host=usage != 3,
        line=line,
    )


DANE = PinFormat(
    name="dane",
    title="DANE TLSA",
    page="dane.md",
    meaning="Any matching record accepts. Usage 0 and 1 add to ordinary validation, 2 and 3 replace it.",
    found=InText(has=_has, read=_read),
    backed_up_by="its name",
)

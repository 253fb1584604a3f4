"""HPKP, RFC 7469: the header on its own, in a captured answer, or in a server's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pindrill.model import UsageError
from pindrill.pinfiles import digests
from pindrill.pinfiles.model import DeclaredPin, PinRule, Severity
from pindrill.pinfiles.pin_file import FormatAbilities, InText, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes, error
from pindrill.pinfiles.source import Lines, Source

_HEADER = re.compile(r"(?i)\bPublic-Key-Pins(?P<only>-Report-Only)?\b(?P<value>[^\n]*)")
_DIRECTIVE = re.compile(r"""(?P<name>[A-Za-z0-9-]+)\s*(?:=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^;\s"']+)))?""")
_IGNORED = "a user agent ignores the whole header: nothing is pinned"
_PIN_IGNORED = "a user agent cannot use it: this pin never matches"
_READING = PinReading(decode=digests.strict, undecodable=_PIN_IGNORED, wrong_length=_PIN_IGNORED)


def _has(text: str) -> bool:
    return bool(_HEADER.search(text))


def _read(source: Source) -> list[PinFile]:
    notes = Notes(source.path, HPKP.rules)
    text = source.text()
    rules: list[PinRule] = []
    settings: dict[str, str] = {}
    lines = Lines(text)
    for header in _HEADER.finditer(text):
        line = lines.at(header.start())
        found = _read_header(header["value"].replace('\\"', '"'), line, bool(header["only"]), notes)
        if found:
            rules.append(found[0])
            settings = found[1]
    if not rules and not notes.findings:
        raise source.refuse(1, "no Public-Key-Pins header with a value in it", "give the header with its value")
    return [
        PinFile(path=source.path, format=HPKP, rules=tuple(rules), findings=notes.done(), settings=settings),
    ]


def _read_header(value: str, line: int, report_only: bool, notes: Notes) -> tuple[PinRule, dict[str, str]] | None:
    pins: list[DeclaredPin] = []
    uris: list[str] = []
    max_age: int | None = None
    subdomains = False
    for directive in _DIRECTIVE.finditer(value):
        name, content = directive["name"].lower(), directive["quoted"] or directive["bare"] or ""
        if name.startswith("pin-"):
            pins += _read_pin(name, content, line, notes, quoted=directive["quoted"] is not None)
        elif name == "max-age" and content.isascii() and content.isdigit() and len(content) < 12:
            max_age = int(content)
        elif name == "includesubdomains":
            subdomains = True
        elif name == "report-uri" and content:
            uris.append(content)
    if not pins and max_age is None:
        return None
    _note_ignored(pins, max_age, line, report_only, notes)
    if report_only:
        notes.add(
            "enforcement-off",
            line,
            "Public-Key-Pins-Report-Only",
            effect="a mismatch is reported, and the connection goes on",
            fix="send Public-Key-Pins",
        )
    rule = PinRule(
        domain="",
        pins=tuple(pins) if max_age else (),
        subdomains="all" if subdomains else "none",
        enforce=not report_only,
        min_pins=2,
        report_uris=tuple(uris),
        line=line,
    )
    return rule, {"max-age": str(max_age or 0)}


def _read_pin(name: str, content: str, line: int, notes: Notes, *, quoted: bool) -> list[DeclaredPin]:
    if name != "pin-sha256":
        notes.add(
            "pin-algorithm",
            line,
            f"{name[:40]} is not pin-sha256",
            effect="a user agent skips it, as RFC 7469 section 2.1 has it; the others count",
            fix='write pin-sha256="…"',
            severity=Severity.INFO,
        )
        return []
    if not quoted:
        notes.add(
            "pin-encoding",
            line,
            "the digest is not in double quotes",
            effect="RFC 7469 wants a quoted string: user agents skip the pin",
            fix='write pin-sha256="…"',
        )
        return []
    return [read_pin(content, line, _READING, notes).pin]


def _note_ignored(pins: list[DeclaredPin], max_age: int | None, line: int, report_only: bool, notes: Notes) -> None:
    if max_age is None and not report_only:
        notes.add("header-ignored", line, "no max-age", effect=_IGNORED, fix="add max-age=SECONDS")
    elif max_age == 0 and not report_only:
        notes.add(
            "no-pins",
            line,
            "max-age=0",
            effect="a user agent forgets the pins that it has noted",
            fix="give it a time, unless forgetting is wanted",
        )
    if len({pin.digest for pin in pins}) < 2 and max_age != 0:
        notes.add(
            "header-ignored",
            line,
            f"{len({pin.digest for pin in pins})} different pin(s)",
            effect=f"RFC 7469 wants a backup pin that is not in the chain: {_IGNORED}",
            fix="add the pin of a backup key",
        )


# --- written ---------------------------------------------------------------------------------------------------


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    if not settings.get("max-age", "").isdigit():
        raise UsageError("no equal in hpkp: the header needs a time that it holds; give --max-age SECONDS")
    rule = rules[0]
    parts = [f'pin-sha256="{pin.base64}"' for pin in rule.pins]
    parts.append(f"max-age={settings['max-age']}")
    parts += ["includeSubDomains"] if rule.subdomains == "all" else []
    parts += [f'report-uri="{uri}"' for uri in rule.report_uris if '"' not in uri]
    name = "Public-Key-Pins" if rule.enforce else "Public-Key-Pins-Report-Only"
    return f"{name}: {'; '.join(parts)}\n"


HPKP = PinFormat(
    name="hpkp",
    title="HPKP",
    page="hpkp.md",
    meaning="Noted at the first visit and kept for max-age. A pin may match any key of the validated chain.",
    found=InText(has=_has, read=_read),
    writer=PinWriter(
        can=FormatAbilities(
            subdomains=("none", "all"),
            report_uris=True,
            report_only=True,
            any_host=True,
            named_host=False,
            one_rule="a header has the pins of one host",
            min_pins=2,
            min_pins_reported=2,
        ),
        write=_write,
    ),
    rules=(replace(error("header-ignored", "a user agent ignores this header"), tells_too_few=True),),
    unpredictable="HPKP pins bind only a client that has noted them before",
)

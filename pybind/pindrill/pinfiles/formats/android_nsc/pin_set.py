"""`<pin-set>`: its pins and its date."""

from __future__ import annotations

import re
from datetime import date

from pindrill.model import UsageError
from pindrill.pinfiles import digests
from pindrill.pinfiles.formats.android_nsc.reading import CRASH, ConfigReading
from pindrill.pinfiles.markup import Element
from pindrill.pinfiles.model import DeclaredPin, Expiry, Severity
from pindrill.pinfiles.pin_text import PinReading, read_pin

MAX_PINS_OF_SET = 1000
_READING = PinReading(
    decode=digests.android,
    undecodable=CRASH,
    wrong_length=CRASH,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_DATE = re.compile(r"[ \t]*(\d+)-[ \t]*(\d+)-[ \t]*(\d+)")
"""As SimpleDateFormat parses yyyy-MM-dd: any number of digits, and what follows is not looked at."""
_WRITTEN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIX = 'write expiration="yyyy-MM-dd"'


def read_pins(pin_set: Element, reader: ConfigReading) -> tuple[DeclaredPin, ...]:
    pins = []
    found = pin_set.of("pin")
    if len(found) > MAX_PINS_OF_SET:
        raise UsageError(
            f"{reader.notes.path}:{pin_set.line}: {len(found)} pins in one <pin-set>; no app has more than "
            f"{MAX_PINS_OF_SET}"
        )
    for pin in found:
        algorithm = pin.string("digest") or ""
        text = pin.text.strip()
        if algorithm.upper() != "SHA-256":
            reader.refuse(
                "pin-algorithm", pin.line, f"digest='{algorithm[:40]}' is not SHA-256", 'write digest="SHA-256"'
            )
        elif reader.library and algorithm != "SHA-256":
            reader.refuse("pin-algorithm", pin.line, "TrustKit takes 'SHA-256' only so", 'write digest="SHA-256"')
        if pin.children or not text:
            reader.refuse("structure", pin.line, "a <pin> without its digest alone in it", "write the digest into it")
            continue
        read = read_pin(text, pin.line, _READING, reader.notes)
        reader.crash = reader.crash or read.crash
        pins.append(read.pin)
    return tuple(pins)


def read_expiry(pin_set: Element, reader: ConfigReading) -> Expiry | None:
    """Midnight at the start of the day, in the device's time zone."""
    text = pin_set.string("expiration")
    if text is None:
        return None
    found, line = _DATE.match(text), pin_set.line
    try:
        if not found:
            raise ValueError
        year, month, day = (int(part) for part in found.groups())
        if year > date.max.year and 1 <= month <= 12 and 1 <= day <= 31:
            _note_odd_date(reader, line, text, f"it is the year {year}: the pins never expire", Severity.WARNING)
            return None
        expires = Expiry(day=date(year, month, day), zone="local", line=line)
    except ValueError:
        reader.refuse("expiration-format", line, f"expiration '{text[:40]}' is no date yyyy-MM-dd", _DATE_FIX)
        return None
    if not _WRITTEN_DATE.fullmatch(text):
        effect = f"the platform reads it as {expires.day.isoformat()}"
        _note_odd_date(reader, line, text, effect, Severity.ERROR if year < 1000 else Severity.WARNING)
    return expires


def _note_odd_date(reader: ConfigReading, line: int, text: str, effect: str, severity: Severity) -> None:
    reader.notes.add(
        "expiration-format",
        line,
        f"expiration '{text[:40]}' is not written yyyy-MM-dd",
        effect=effect,
        fix=_DATE_FIX,
        severity=severity,
    )

"""The text of a plan: TOML, with the line of every key, so that a mistake is told where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pindrill.model import UsageError
from pindrill.preflight.model import Instant

MAX_BYTES = 1 << 20
MAX_STEPS = 100
YEARS = (2000, 2100)
_HEADER = re.compile(r"\s*\[\[\s*(?:step|\"step\"|'step')\s*\]\]")
_ANY_HEADER = re.compile(r"\s*\[")


@dataclass(frozen=True)
class Table:
    """One table of the file: its values, and where they stand."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    line: int

    def refuse(self, key: str, what: str, fix: str) -> UsageError:
        return UsageError(f"{self.path}:{self.lines.get(key, self.line)}: {what}; {fix}")

    def only(self, known: Collection[str]) -> None:
        for key in self.values:
            if key not in known:
                raise self.refuse(key, f"unknown key '{key}'", f"known are: {', '.join(known)}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and value and "\0" not in value):
            return value
        raise self.refuse(key, f"{key} is {_shown(value)}", "write a text in quotes")

    def texts(self, key: str) -> list[str]:
        """A text, or a list of texts."""
        value = self.values.get(key, [])
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(each, str) and each for each in values):
            return values
        raise self.refuse(key, f"{key} is {_shown(value)}", "write a text in quotes, or a list of them")

    def number(self, key: str, default: float, most: float) -> float:
        value = self.values.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        raise self.refuse(key, f"{key} is {_shown(value)}", f"write a number from 0 to {most:g}")

    def day(self, key: str) -> Instant | None:
        """A day is its first instant, UTC."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            value = _from_text(value)
        if isinstance(value, datetime):
            found = value if value.tzinfo else value.replace(tzinfo=UTC)
        elif isinstance(value, date):
            found = datetime.combine(value, time(), UTC)
        else:
            raise self.refuse(key, f"{key} is {_shown(self.values[key])}, no day of the calendar", "write 2027-03-01")
        if not YEARS[0] <= found.year < YEARS[1]:
            raise self.refuse(key, f"{key} is in the year {found.year}", f"write a year from {YEARS[0]} to {YEARS[1]}")
        return int(found.timestamp())

    def file(self, key: str) -> Path | None:
        """Relative to the folder of the plan; it must be there."""
        name = self.text(key)
        return None if name is None else self.there(key, name)

    def there(self, key: str, name: str) -> Path:
        found = self.path.parent / name
        if not found.exists():
            raise self.refuse(key, f"{found}: no such file", "name a file that is there, from the folder of the plan")
        return found


def read_tables(path: Path) -> tuple[Table, list[Table]]:
    """The plan's own keys, and its steps."""
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = found[1] if found else "1"
        raise UsageError(f"{path}:{line}: not TOML: {error}; see docs/rotation.md for a plan") from error
    top, steps = _lines(text)
    entries = values.pop("step", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{path}:1: no steps in this plan; write a [[step]] with date and do for each")
    if len(entries) > MAX_STEPS:
        raise UsageError(f"{path}:1: {len(entries)} steps; a plan has at most {MAX_STEPS}")
    places = steps + [(1, {})] * (len(entries) - len(steps))
    return Table(path, values, top, 1), [
        Table(path, entry, keys, line) for entry, (line, keys) in zip(entries, places, strict=False)
    ]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path}: larger than {MAX_BYTES >> 20} MiB; no plan is")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the plan: {error}; give a TOML file, see docs/rotation.md") from error


def _lines(text: str) -> tuple[dict[str, int], list[tuple[int, dict[str, int]]]]:
    """Only for messages: a key inside a text of several lines may be taken for one."""
    top: dict[str, int] = {}
    steps: list[tuple[int, dict[str, int]]] = []
    keys = top
    for number, line in enumerate(text.splitlines(), start=1):
        if _HEADER.match(line):
            keys = {}
            steps.append((number, keys))
        elif _ANY_HEADER.match(line):
            keys = {}
        elif found := re.match(r"\s*[\"']?([A-Za-z_-]+)[\"']?\s*=", line):
            keys.setdefault(found[1], number)
    return top, steps


def _from_text(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def seconds(days: float = 0, hours: float = 0) -> int:
    return int(timedelta(days=days, hours=hours).total_seconds())

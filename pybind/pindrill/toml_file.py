"""TOML files that people write (client.toml, pindrill.toml, rotation.toml), read in one way: each value is asked for
by its type, and a mistake is told with file, line and how to mend it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from pindrill.model import UsageError

_MOST_BYTES = 1 << 20
_YEARS = (2000, 2100)
_HEADER = re.compile(r"\s*\[\[?\s*[\"']?([A-Za-z_-]+)[\"']?\s*\]\]?")
_ANY_HEADER = re.compile(r"\s*\[")
_KEY = re.compile(r"\s*[\"']?([A-Za-z_-]+)[\"']?\s*=")
_Lines = Mapping[str, int]
_Word = TypeVar("_Word", bound=str | bool)


@dataclass(frozen=True)
class TomlTable:
    """One table of a file: its values, and the line of each key."""

    path: Path
    values: Mapping[str, Any]
    line: int = 1
    lines: _Lines = field(default_factory=dict)
    places: Mapping[str, list[tuple[int, _Lines]]] = field(default_factory=dict)
    """Of the tables in it, by name."""

    def refuse(self, key: str, what: str, fix: str) -> UsageError:
        return UsageError(f"{self.path}:{self.lines.get(key, self.line)}: {what}; {fix}")

    def only(self, known: Collection[str]) -> None:
        for key in self.values:
            if key not in known:
                raise self.refuse(key, f"unknown key '{key}'", f"known are: {', '.join(known)}")

    def needed(self, key: str, fix: str) -> None:
        if key not in self.values:
            raise self.refuse(key, f"the key '{key}' is missing", fix)

    # --- values: None, or nothing, where the key is not there ------------------------------------------------------

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and value and "\0" not in value):
            return value
        raise self._wrong(key, "write a text in quotes")

    def texts(self, key: str, *, one: bool = True) -> list[str]:
        """A list of texts; `one`: or a text."""
        value = self.values.get(key, [])
        values = [value] if isinstance(value, str) and one else value
        if isinstance(values, list) and all(isinstance(each, str) and each for each in values):
            return values
        raise self._wrong(key, "write a text in quotes, or a list of them" if one else "write a list of texts")

    def number(self, key: str, default: float, most: float, *, positive: bool = False) -> float:
        """From 0, or above it."""
        value = self.values.get(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 <= value <= most and (value or not positive):
            return float(value)
        raise self._wrong(key, f"write a number {'above' if positive else 'from'} 0{', up' * positive} to {most:g}")

    def choice(self, key: str, words: Collection[_Word], default: _Word) -> _Word:
        value = self.values.get(key, default)
        for word in words:
            if word == value and type(word) is type(value):
                return word
        shown = ", ".join(str(word).lower() if isinstance(word, bool) else f'"{word}"' for word in words)
        raise self._wrong(key, f"it is one of {shown}")

    def day(self, key: str) -> int | None:
        """Its first instant, UTC, in seconds since the epoch."""
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
        if not _YEARS[0] <= found.year < _YEARS[1]:
            first, last = _YEARS
            raise self.refuse(key, f"{key} is in the year {found.year}", f"write a year from {first} to {last}")
        return int(found.timestamp())

    def file(self, key: str) -> Path | None:
        """Relative to the folder of this file; it must be there."""
        name = self.text(key)
        return None if name is None else self.there(key, name)

    def there(self, key: str, name: str) -> Path:
        found = self.path.parent / name
        if not found.exists():
            raise self.refuse(
                key, f"{found}: no such file", f"name a file that is there, from the folder of {self.path.name}"
            )
        return found

    # --- tables ----------------------------------------------------------------------------------------------------

    def table(self, key: str) -> TomlTable:
        """Empty where it is not there."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, f"write it as a table, [{key}]")
        return next(self._with_lines(key, [value]))

    def tables(self, key: str) -> list[TomlTable]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self._wrong(key, f"write each as a table of its own, [[{key}]]")
        return list(self._with_lines(key, value))

    def _with_lines(self, key: str, values: list[Mapping[str, Any]]) -> Iterator[TomlTable]:
        known = self.places.get(key, [])
        for number, value in enumerate(values):
            line, lines = known[number] if number < len(known) else (self.lines.get(key, self.line), {})
            yield TomlTable(self.path, value, line, lines)

    def _wrong(self, key: str, fix: str) -> UsageError:
        return self.refuse(key, f"{key} is {_shown(self.values.get(key))}", fix)


def read_toml(path: Path, *, what: str, fix: str) -> TomlTable:
    """`what` it is called where it cannot be read, and how that is mended."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise UsageError(f"{path}: larger than {_MOST_BYTES >> 20} MiB, which no {what} is; {fix}")
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the {what}: {error}; {fix}") from error
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = found[1] if found else "1"
        raise UsageError(f"{path}:{line}: cannot read the {what}: not TOML: {error}; {fix}") from error
    top, places = _lines(text)
    return TomlTable(path, values, 1, top, places)


def _lines(text: str) -> tuple[_Lines, dict[str, list[tuple[int, _Lines]]]]:
    """Only for messages: a key inside a text of several lines may be taken for one."""
    top: dict[str, int] = {}
    places: dict[str, list[tuple[int, _Lines]]] = {}
    keys = top
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _HEADER.match(line):
            keys = {}
            places.setdefault(found[1], []).append((number, keys))
        elif _ANY_HEADER.match(line):
            keys = {}
        elif found := _KEY.match(line):
            keys.setdefault(found[1], number)
    return top, places


def _from_text(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"

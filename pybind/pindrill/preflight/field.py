"""The table of app versions in the field: CSV with version, pin_file, share, adoption_per_week, from."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pindrill.model import UsageError
from pindrill.pinfiles import PinFile, read_all
from pindrill.preflight.model import Instant
from pindrill.preflight.plan import Version

MAX_BYTES = 1 << 20
MAX_ROWS = 200
_REQUIRED = ("version", "pin_file", "share")
_KNOWN = (*_REQUIRED, "adoption_per_week", "from")
_ROUNDING = 1e-6


def read_field(path: Path) -> tuple[Version, ...]:
    """UsageError says the line. Shares need not come to 100: the rest is said to be unlisted."""
    reader = csv.DictReader(io.StringIO(_text(path)), strict=True, skipinitialspace=True)
    versions: list[Version] = []
    files: dict[Path, tuple[PinFile, ...]] = {}
    try:
        _refuse_columns(path, reader.fieldnames or ())
        for row in reader:
            if len(versions) == MAX_ROWS:
                raise UsageError(f"{path}:{reader.line_num}: more than {MAX_ROWS} versions; put small ones together")
            versions.append(_version(path, reader.line_num, row, files))
            _refuse_sum(path, reader.line_num, versions)
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num}: not CSV: {error}; see docs/rotation.md for a table") from error
    if not versions:
        raise UsageError(f"{path}:1: no version in this table; write a line for each")
    return tuple(versions)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path}: larger than {MAX_BYTES >> 20} MiB; put small versions together")
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the table: {error}; give a CSV file in UTF-8") from error
    if "\0" in text:
        raise UsageError(f"{path}: a zero byte in a text file; save it as UTF-8")
    return text


def _refuse_columns(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if name not in _KNOWN:
            raise UsageError(f"{path}:1: unknown column '{name}'; known are: {', '.join(_KNOWN)}")
    for name in _REQUIRED:
        if name not in names:
            raise UsageError(f"{path}:1: the column '{name}' is missing; the first line names the columns")


def _version(
    path: Path, line: int, row: Mapping[str, str | list[str] | None], files: dict[Path, tuple[PinFile, ...]]
) -> Version:
    cells = {name: value.strip() for name, value in row.items() if isinstance(value, str)}
    if None in row or any(name not in cells for name in _REQUIRED):
        raise UsageError(f"{path}:{line}: not as many cells as columns; put a text with a comma in quotes")
    name, pin_file = cells["version"], path.parent / cells["pin_file"]
    if not name:
        raise UsageError(f"{path}:{line}: no version; name it")
    if not cells["pin_file"] or not pin_file.exists():
        raise UsageError(f"{path}:{line}: {pin_file}: no such file; name a file from the folder of the table")
    if pin_file not in files:
        files[pin_file] = read_all(pin_file)
    return Version(
        name=name,
        files=files[pin_file],
        share=_percent(path, line, "share", cells["share"]),
        adoption=_percent(path, line, "adoption_per_week", cells.get("adoption_per_week") or "0"),
        since=_day(path, line, cells.get("from", "")),
    )


def _percent(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text.removesuffix("%").strip())
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise UsageError(f"{path}:{line}: {name} is '{text[:40]}'; write a percentage from 0 to 100, such as 12.5")
    return value


def _day(path: Path, line: int, text: str) -> Instant | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{path}:{line}: from is '{text[:40]}', no day of the calendar; write 2027-03-01") from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _refuse_sum(path: Path, line: int, versions: list[Version]) -> None:
    total = sum(version.share or 0 for version in versions)
    if total > 100 + _ROUNDING:
        raise UsageError(f"{path}:{line}: the shares come to {total:g} % with this line; they are percent of all")
    if [version.name for version in versions].count(versions[-1].name) > 1:
        raise UsageError(f"{path}:{line}: '{versions[-1].name}' a second time; versions are told apart by the name")

"""Results files as reports read them: every line checked, the newest line of each cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, overload

import jsonschema_rs

from pindrill.model import ResultLine, UsageError
from pindrill.results.newest import CellKey, cell_key, in_order

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_CELLS = 1_000_000
_FINDING_SCHEMA = {
    "type": "object",
    "required": ["file", "line", "rule", "severity", "message"],
    "properties": {
        "file": {"type": "string", "minLength": 1},
        "line": {"type": ["integer", "null"], "minimum": 0},
        "rule": {"type": "string", "minLength": 1},
        "severity": {"enum": ["error", "warning", "info"]},
        "message": {"type": "string"},
        "effect": {"type": "string"},
        "fix": {"type": "string"},
        "owasp": {"type": "array", "items": {"type": "string"}},
    },
}


@dataclass(frozen=True)
class _Place:
    path: Path
    offset: int


class Stored(Sequence[ResultLine]):
    """The newest lines of results files. Only their places are kept: 100,000 results do not fit into memory well."""

    def __init__(self, places: Sequence[_Place], findings: Sequence[ResultLine]) -> None:
        self._places = places
        self.findings = findings
        """The lint findings that stood among the results."""

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> ResultLine: ...
    @overload
    def __getitem__(self, index: slice) -> Stored: ...
    def __getitem__(self, index: int | slice) -> ResultLine | Stored:
        if isinstance(index, slice):
            return Stored(self._places[index], self.findings)
        return next(_load([self._places[index]]))

    def __iter__(self) -> Iterator[ResultLine]:
        return _load(self._places)


def read_stored(paths: Sequence[Path]) -> Stored:
    """A later line of the same cell supersedes an earlier one, in the order in which the files are named."""
    newest: dict[CellKey, _Place] = {}
    findings: list[ResultLine] = []
    for path in paths:
        for number, offset, raw in _raw_lines(path):
            line = _checked(raw, f"{path}:{number}")
            if "rule" in line:
                findings.append(line)
            else:
                newest[cell_key(line)] = _Place(path, offset)
            if len(newest) + len(findings) > MAX_CELLS:
                raise UsageError(f"{path}:{number}: more than {MAX_CELLS} results; report on fewer files at once")
    return Stored([newest[key] for key in in_order(newest)], findings)


def _load(places: Sequence[_Place]) -> Iterator[ResultLine]:
    opened: dict[Path, Any] = {}
    try:
        for place in places:
            if place.path not in opened:
                opened[place.path] = place.path.open("rb")
            opened[place.path].seek(place.offset)
            yield json.loads(opened[place.path].readline())
    except (OSError, ValueError) as error:
        raise UsageError(f"{place.path}: was changed while it was read: {error}") from error
    finally:
        for file in opened.values():
            file.close()


def _raw_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, text) of the lines that are not empty."""
    try:
        if not path.is_file():
            what = "is no regular file" if path.exists() else "there is no such file"
            raise UsageError(f"{path}: {what}; give a results file, as `pindrill drill --json FILE` writes it")
        with path.open("rb") as file:
            number, offset = 0, 0
            while raw := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    raise UsageError(f"{path}:{number}: a line of more than {MAX_LINE_BYTES} bytes is no result")
                if raw.strip():
                    yield number, offset, raw
                offset += len(raw)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the results: {error.strerror}") from error


def _checked(raw: bytes, where: str) -> ResultLine:
    try:
        line: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: this line is no JSON ({error}); the file was cut short or altered: "
            "`pindrill drill --resume` keeps the whole lines and runs the rest"
        ) from error
    is_finding = isinstance(line, dict) and "rule" in line
    validator = _finding_validator() if is_finding else _result_validator()
    try:
        validator.validate(line)
    except ValueError as error:
        kind = "lint finding" if is_finding else "result (reports/schemas/result.schema.json)"
        raise UsageError(f"{where}: this line is no {kind}: {_wrong(error)}") from error
    checked: ResultLine = line
    return checked


def check_result(line: Any) -> None:
    """ValueError says what makes it no result line."""
    try:
        _result_validator().validate(line)
    except ValueError as error:
        raise ValueError(_wrong(error)) from error


def _wrong(error: ValueError) -> str:
    if not isinstance(error, jsonschema_rs.ValidationError):
        return str(error)
    place = "/".join(str(part) for part in error.instance_path) or "the whole of it"
    return f"{place}: {error.message if len(error.message) <= 200 else error.message[:200] + ' …'}"


@cache
def _result_validator() -> jsonschema_rs.Draft202012Validator:
    text = files("pindrill.reports").joinpath("schemas", "result.schema.json").read_text()
    return jsonschema_rs.Draft202012Validator(json.loads(text))


@cache
def _finding_validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_FINDING_SCHEMA)

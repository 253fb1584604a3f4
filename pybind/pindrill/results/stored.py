"""Results files as reports read them: every line checked, the newest line of each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO, NamedTuple, TypeVar, overload

from pindrill.model import UsageError
from pindrill.results.check import check_result
from pindrill.results.finding import FindingLine, finding_of
from pindrill.results.line import ResultLine, parsed, read_line
from pindrill.results.newest import CellKey, in_order

_T = TypeVar("_T")

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_CELLS = 1_000_000


class _Place(NamedTuple):
    path: Path
    offset: int


class Stored(Sequence[ResultLine]):
    """The newest lines of results files. Only their places are kept: 100,000 results do not fit into memory well."""

    def __init__(self, places: Sequence[_Place], findings: Sequence[FindingLine]) -> None:
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
        return next(_load([self._places[index]], read_line))

    def __iter__(self) -> Iterator[ResultLine]:
        return _load(self._places, read_line)

    def plain(self) -> Iterator[dict[str, Any]]:
        """The lines with all that is in them, also what only a later version knows: to be written again."""
        return _load(self._places, parsed)


def read_stored(paths: Sequence[Path]) -> Stored:
    """A later line of the same cell supersedes an earlier one, in the order in which the files are named."""
    newest: dict[CellKey, _Place] = {}
    findings: list[FindingLine] = []
    for path in paths:
        for number, offset, raw in _raw_lines(path):
            found = _checked(raw, f"{path}:{number}")
            if isinstance(found, FindingLine):
                findings.append(found)
            else:
                newest[found] = _Place(path, offset)
            if len(newest) + len(findings) > MAX_CELLS:
                raise UsageError(f"{path}:{number}: more than {MAX_CELLS} results; report on fewer files at once")
    return Stored([newest[key] for key in in_order(newest)], findings)


def _load(places: Sequence[_Place], read: Callable[[bytes], _T]) -> Iterator[_T]:
    opened: dict[Path, BinaryIO] = {}
    try:
        for place in places:
            if place.path not in opened:
                opened[place.path] = place.path.open("rb")
            opened[place.path].seek(place.offset)
            yield read(opened[place.path].readline())
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


def _checked(raw: bytes, where: str) -> CellKey | FindingLine:
    """A finding, or the cell of a result."""
    try:
        plain = parsed(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: this line is no JSON ({error}); the file was cut short or altered: "
            "`pindrill drill --resume` keeps the whole lines and runs the rest"
        ) from error
    is_finding = isinstance(plain, dict) and "rule" in plain
    try:
        if is_finding:
            return finding_of(plain)
        check_result(plain)
    except ValueError as error:
        kind = "lint finding" if is_finding else "result (reports/schemas/result.schema.json)"
        raise UsageError(f"{where}: this line is no {kind}: {error}") from error
    words = (intern(plain[name]) for name in ("client", "scenario", "strategy", "tls"))
    return (*words, plain["round"])

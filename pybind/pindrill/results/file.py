"""The results file of a drill: JSON Lines, appended at once, with one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from pindrill.machine.locks import lock
from pindrill.model import UsageError
from pindrill.results.finding import FindingLine
from pindrill.results.line import VERSION, ResultLine, line_of, line_text, parsed


class ResultFile:
    """JSON Lines, appended at once: a killed run loses no finished cell.

    `trouble`: why no more could be written; the drill goes on, for its report.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.trouble = ""
        self.earlier: list[ResultLine] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Nothing of it is changed before it is locked; in place, since the lock is on this very file.
            self._file = path.open("a+" if path.is_file() or not path.exists() else "w")
            try:
                lock(self._file.fileno(), path)
                if resume:
                    self.earlier = self._keep_whole()
                elif path.is_file():
                    self._file.truncate(0)
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from error

    def _keep_whole(self) -> list[ResultLine]:
        """The lines that are there; what a killed run left of its last one is cut off, and empty ones go.

        In place: what is written over whole lines is these very lines, and needs no room.
        """
        if not self._path.is_file():
            return []
        found = list(_read_earlier(self._path))
        with self._path.open("r+b") as file:
            file.writelines(raw.rstrip(b"\r\n") + b"\n" for _, raw in found)
            file.truncate()
        return [line for line, _ in found]

    def append(self, line: ResultLine | FindingLine) -> None:
        self.append_text(line_text(line))

    def append_text(self, text: str) -> None:
        """The JSON of a line."""
        with self._lock:
            if self.trouble:
                return
            try:
                self._file.write(text + "\n")
                self._file.flush()
            except OSError as error:
                self.trouble = f"{self._path}: {error.strerror}; later results are not in it"

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.trouble = self.trouble or f"{self._path}: {error.strerror}"


def _read_earlier(path: Path) -> Iterator[tuple[ResultLine, bytes]]:
    """The lines of a results file, read and as they are; a last line that was cut short is left out."""
    from pindrill.results.check import check_result  # noqa: PLC0415  (who does not resume need not wait for it)

    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the results: {error}") from error
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            plain = parsed(raw)
            if plain["version"] != VERSION:
                raise UsageError(f"{path}:{number}: result version {plain['version']}, this pindrill reads {VERSION}")
            check_result(plain)
            yield line_of(plain), raw
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            raise UsageError(
                f"{path}:{number}: this line is no result ({error}); the file was altered: delete this line, and its "
                "cell is run again"
            ) from error

"""The results file of a drill: JSON Lines, appended at once, with one writer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pindrill.machine.locks import lock
from pindrill.model import ResultLine, UsageError
from pindrill.results import VERSION


class ResultFile:
    """JSON Lines, appended at once: a killed run loses no finished cell.

    `trouble`: why no more could be written; the drill goes on, for its report.
    """

    def __init__(self, path: Path, *, resume: bool, check: Callable[[Any], None] = lambda line: None) -> None:
        """`check`: raises ValueError for what is no result line; those of an earlier run have to pass."""
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
                    self.earlier = self._keep_whole(check)
                elif path.is_file():
                    self._file.truncate(0)
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from error

    def _keep_whole(self, check: Callable[[Any], None]) -> list[ResultLine]:
        """The lines that are there; what a killed run left of its last one is cut off, and empty ones go.

        In place: what is written over whole lines is these very lines, and needs no room.
        """
        if not self._path.is_file():
            return []
        found = list(_read_earlier(self._path, check))
        with self._path.open("r+b") as file:
            file.writelines(line.rstrip(b"\r\n") + b"\n" for _, line in found)
            file.truncate()
        return [result for result, _ in found]

    def append(self, line: ResultLine) -> None:
        with self._lock:
            if self.trouble:
                return
            try:
                self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
                self._file.flush()
            except OSError as error:
                self.trouble = f"{self._path}: {error.strerror}; later results are not in it"

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            self.trouble = self.trouble or f"{self._path}: {error.strerror}"


def _read_earlier(path: Path, check: Callable[[Any], None]) -> Iterator[tuple[ResultLine, bytes]]:
    """The lines of a results file, read and as they are; a last line that was cut short is left out."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the results: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            result = json.loads(line)
            if result["version"] != VERSION:
                raise UsageError(f"{path}:{number}: result version {result['version']}, this pindrill reads {VERSION}")
            check(result)
            yield result, line
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                return
            raise UsageError(
                f"{path}:{number}: this line is no result ({error}); the file was altered: delete this line, and its "
                "cell is run again"
            ) from error

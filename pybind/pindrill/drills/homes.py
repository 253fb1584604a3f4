"""HOMEs that are thrown away."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Homes:
    """A HOME at a time for each cell. Most clients leave theirs as it was: then the next cell gets the same one,
    because making and removing directories is among the dearest things of a cell."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._untouched: deque[Path] = deque()

    @contextmanager
    def one(self) -> Iterator[Path]:
        """An empty directory of this cell alone; whoever worked in it must have ended when it is given back."""
        home = self._take()
        try:
            yield home
        finally:
            if _is_untouched(home):
                self._untouched.append(home)
            else:
                shutil.rmtree(home, ignore_errors=True)

    def _take(self) -> Path:
        try:
            return self._untouched.pop()
        except IndexError:
            return Path(tempfile.mkdtemp(prefix="cell-", dir=self._directory))


def _is_untouched(home: Path) -> bool:
    """As private as it was made, and nothing in it but an empty directory for temporary files."""
    try:
        inside = os.listdir(home)
        return (
            stat.S_IMODE(home.lstat().st_mode) == 0o700
            and inside in ([], ["tmp"])
            and all(_is_empty_directory(home / name) for name in inside)
        )
    except OSError:
        return False


def _is_empty_directory(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode) and not os.listdir(path)

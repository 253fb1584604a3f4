"""In the process that reports: gathers the cells of all workers. Plain values only: little of pindrill is loaded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, TextIO

import pytest

from pindrill.machine.locks import lock
from pindrill.model import UsageError


class Collector:
    """Writes a line for every cell as it comes, and sums up at the end."""

    def __init__(self, path: Path | None) -> None:
        self._verdicts: Counter[str] = Counter()
        self._unwatched: set[str] = set()
        self._file = _opened(path) if path else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        drilled: dict[str, Any] | None = getattr(report, "pindrill", None)
        if drilled is None:
            return
        self._verdicts.update(drilled["verdicts"])
        self._unwatched.update(drilled["unwatched"])
        if self._file:
            self._file.writelines(line + "\n" for line in drilled["lines"])
            self._file.flush()

    def pytest_unconfigure(self) -> None:
        if self._file:
            self._file.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._verdicts:
            return
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self._verdicts.most_common())
        terminalreporter.write_line(f"pindrill: {self._verdicts.total()} cells: {counts}")
        for gap in sorted(self._unwatched):
            terminalreporter.write_line(f"pindrill: not watched for downgrades: {gap}")


def _opened(path: Path) -> TextIO:
    """For the one run that writes there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
        try:
            lock(file.fileno(), path)
            if path.is_file():
                file.truncate(0)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise pytest.UsageError(f"--pindrill-json {path}: cannot be written: {error.strerror}") from error
    except UsageError as error:
        raise pytest.UsageError(f"--pindrill-json {error}") from error
    return file

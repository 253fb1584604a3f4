"""In the process that reports: gathers the cells of all workers. Plain values only, nothing of pindrill is loaded."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest


class Collector:
    """Writes a line for every cell as it comes, and sums up at the end."""

    def __init__(self, path: Path | None) -> None:
        self._verdicts: Counter[str] = Counter()
        self._unwatched: set[str] = set()
        self._path = path
        if self._path:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text("")
            except OSError as error:
                raise pytest.UsageError(f"--pindrill-json {path}: cannot be written: {error.strerror}") from error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        drilled: dict[str, Any] | None = getattr(report, "pindrill", None)
        if drilled is None:
            return
        self._verdicts.update(line["verdict"] for line in drilled["lines"])
        self._unwatched.update(drilled["unwatched"])
        if self._path:
            with self._path.open("a") as file:
                file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in drilled["lines"])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._verdicts:
            return
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self._verdicts.most_common())
        terminalreporter.write_line(f"pindrill: {self._verdicts.total()} cells: {counts}")
        for gap in sorted(self._unwatched):
            terminalreporter.write_line(f"pindrill: not watched for downgrades: {gap}")

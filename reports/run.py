"""A run as a report is made from it: all that any format shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath

from pindrill.reports.overview import Overview, overview
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine


@dataclass(frozen=True, kw_only=True)
class Run:
    lines: Sequence[ResultLine]
    """The newest of each cell. Read again wherever they are needed: they may stand in a file."""
    findings: Sequence[FindingLine] = ()
    """About pin files."""
    pindrill: str = ""
    """The version that makes the report."""
    given_files: Mapping[str, str] = field(default_factory=dict)
    """Where alerts on a client point to, by its name, instead of its client file."""
    root: PurePosixPath | None = None
    """Paths below it become relative to it."""
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What to read on a scenario, by its id."""
    terminal: bool = False
    """Whether the report goes to one, which says how wide it is and what it can show."""

    @cached_property
    def overview(self) -> Overview:
        return overview(self.lines)

    @cached_property
    def file_of(self) -> Mapping[str, str]:
        """The file of each client that has one."""
        found: dict[str, str] = {}
        for line in self.lines:
            if line.client not in found and (path := _client_file(line.repeat)):
                found[line.client] = path
        return {**found, **self.given_files}


def _client_file(repeat: str) -> str | None:
    """The client file that the command to repeat a cell names."""
    try:
        parts = shlex.split(repeat)
    except ValueError:
        return None
    options = parts[: parts.index("--")] if "--" in parts else parts
    return next((value for name, value in pairwise(options) if name == "--client"), None)

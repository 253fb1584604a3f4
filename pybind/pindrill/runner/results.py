"""The result line of a cell: plain values, as the published schema says."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pindrill import _core
from pindrill.classify import story
from pindrill.judge import Controls, Finding
from pindrill.mint import Mint
from pindrill.model import Observation, Served, Strategy, UsageError
from pindrill.runner.bench import Run
from pindrill.runner.plan import Cell

VERSION = 1
_KEYS = (
    "version",
    "client",
    "scenario",
    "code",
    "strategy",
    "tls",
    "round",
    "verdict",
    "expected",
    "attribution",
    "reason",
    "summary",
    "catches",
    "repeat",
    "client_seconds",
    "stages",
)
Result = dict[str, Any]


def result_line(
    *,
    client: str,
    cell: Cell,
    semantics: str,
    finding: Finding,
    controls: Controls,
    runs: list[Run],
    repeat: str,
    mint: Mint,
) -> Result:
    return {
        "version": VERSION,
        "pindrill": _core.version,
        "client": client,
        "scenario": cell.scenario.id,
        "code": cell.scenario.code,
        "strategy": cell.strategy_name,
        "tls": cell.tls,
        "round": cell.round,
        "pins": list(cell.play.stages[0].pins or ()) if cell.play else [],
        "semantics": semantics,
        "expected": cell.expected.value,
        "verdict": finding.verdict.value,
        "attribution": finding.attribution,
        "control": {"genuine": controls.genuine.value, "pin": controls.pin.value},
        "reason": finding.reason,
        "summary": cell.scenario.summary,
        "catches": cell.scenario.catches,
        "repeat": repeat,
        "client_seconds": round(sum(report.duration_s for run in runs for report in run.reports), 4),
        "stages": [_stage(cell, index, runs, mint) for index in range(len(cell.stages))] if cell.play else [],
    }


def _stage(cell: Cell, index: int, runs: list[Run], mint: Mint) -> dict[str, Any]:
    assert cell.play
    played, planned = cell.play.stages[index], cell.stages[index]
    return {
        "expected": planned.expected.value,
        "because": planned.because,
        "served": served_chain(mint, played.serve, cell.strategy, played.pins),
        "pins": None if played.pins is None else list(played.pins),
        "runs": [_run(run, index) for run in runs],
    }


def _run(run: Run, index: int) -> dict[str, Any]:
    stage = run.stages[index]
    return {
        "report": {**vars(stage.report), "said": stage.report.said.value},
        "observations": [{**_plain(seen), "story": story(seen, stage.report.ending_at)} for seen in stage.seen],
        "strays": [{"where": stray.where, "observation": _plain(stray.observation)} for stray in stage.strays],
    }


def _plain(seen: Observation) -> dict[str, Any]:
    """As `dataclasses.asdict`, which copies so deeply that it would be the dearest part of a cell."""
    return {
        **vars(seen),
        "hello": seen.hello and {**vars(seen.hello)},
        "alerts": [{**vars(alert)} for alert in seen.alerts],
    }


def served_chain(
    mint: Mint, served: Served, strategy: Strategy | None, told: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    """The list presented: who each certificate is, its pin, and whether the client was told that pin."""
    of = "certificate_sha256" if strategy and strategy.of == "certificate" else "spki_sha256"
    return [{**certificate, "pinned": certificate[of] in (told or ())} for certificate in mint.described(served)]


class ResultFile:
    """JSON Lines, appended at once: a killed run loses no finished cell."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.earlier = list(read_results(path, tail_may_be_cut=True)) if resume and path.exists() else []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.earlier or resume:
                _write_whole(path, self.earlier)
                self._file = path.open("a")
            else:
                self._file = path.open("w")
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from error

    def append(self, line: Result) -> None:
        with self._lock:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_results(path: Path, *, tail_may_be_cut: bool = False) -> Iterator[Result]:
    """The lines of a results file; a last line that was cut short is only taken by a resumed run."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the results: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            result = json.loads(line)
            for key in _KEYS:
                result[key]
            if result["version"] != VERSION:
                raise UsageError(f"{path}:{number}: result version {result['version']}, this pindrill reads {VERSION}")
            yield result
        except (ValueError, KeyError, TypeError) as error:
            if tail_may_be_cut and number == len(lines):
                return
            raise UsageError(
                f"{path}:{number}: this line is no result ({error}); "
                "the file was cut short or altered: `--resume` keeps the whole lines and runs the rest"
            ) from error


def _write_whole(path: Path, lines: list[Result]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    temporary.replace(path)

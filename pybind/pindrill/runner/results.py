"""The result line of a cell: plain values, as the published schema says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pindrill import _core
from pindrill.classify import story
from pindrill.judge import Controls, Finding
from pindrill.locks import lock
from pindrill.mint import Mint
from pindrill.model import Observation, ResultLine, Served, Strategy, UsageError
from pindrill.runner.bench import PlayRun
from pindrill.runner.plan import Cell

VERSION = 1


def result_line(
    *,
    client: str,
    cell: Cell,
    semantics: str,
    finding: Finding,
    controls: Controls,
    runs: list[PlayRun],
    repeat: str,
    mint: Mint,
    unwatched: Sequence[str] = (),
) -> ResultLine:
    """`unwatched`: where a secret could have gone without being seen."""
    return {
        "version": VERSION,
        "pindrill": _core.version,
        "client": client,
        "scenario": cell.scenario.id,
        "code": cell.scenario.code,
        "strategy": cell.strategy_name,
        "tls": cell.tls,
        "round": cell.round,
        "pins": list(_pins(cell, 0) or ()),
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
        "stages": [_stage(cell, index, runs, mint) for index in range(len(cell.stages))] if runs else [],
        **({"unwatched": list(unwatched)} if unwatched else {}),
    }


def _pins(cell: Cell, index: int) -> tuple[str, ...] | None:
    """What the client was told, or has compiled in."""
    if cell.play is None:
        return None
    told = cell.play.stages[index].pins
    return cell.stages[index].compiled if told is None else told


def _stage(cell: Cell, index: int, runs: list[PlayRun], mint: Mint) -> dict[str, Any]:
    assert cell.play
    played, planned, pins = cell.play.stages[index], cell.stages[index], _pins(cell, index)
    return {
        "expected": planned.expected.value,
        "because": planned.because,
        "served": served_chain(mint, played.serve, cell.strategy, pins),
        "pins": None if pins is None else list(pins),
        "runs": [_run(run, index) for run in runs],
    }


def _run(run: PlayRun, index: int) -> dict[str, Any]:
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
    mint: Mint, served: Served, strategy: Strategy | None, pins: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    """The list presented: who each certificate is, its pin, and whether the client pins it."""
    of = "certificate_sha256" if strategy and strategy.of == "certificate" else "spki_sha256"
    return [{**certificate, "pinned": certificate[of] in (pins or ())} for certificate in mint.described(served)]


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

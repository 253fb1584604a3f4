"""The result line of a cell: plain values, as the published schema says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pindrill import _core
from pindrill.classify import story
from pindrill.drills.bench import PlayRun
from pindrill.drills.cells import Cell
from pindrill.judge import Controls, Finding
from pindrill.mint import Mint
from pindrill.model import ResultLine, Served, Strategy
from pindrill.results import VERSION


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
        "observations": [{**seen.to_dict(), "story": story(seen, stage.report.ending_at)} for seen in stage.seen],
        "strays": [{"where": stray.where, "observation": stray.observation.to_dict()} for stray in stage.strays],
    }


def served_chain(
    mint: Mint, served: Served, strategy: Strategy | None, pins: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    """The list presented: who each certificate is, its pin, and whether the client pins it."""
    of = "certificate_sha256" if strategy and strategy.of == "certificate" else "spki_sha256"
    return [{**certificate, "pinned": certificate[of] in (pins or ())} for certificate in mint.described(served)]

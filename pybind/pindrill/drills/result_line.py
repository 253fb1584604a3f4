"""Makes the result line of a cell that was run, or that could not be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pindrill import _core
from pindrill.classify import story
from pindrill.drills.cells import Cell
from pindrill.drills.options import ProxyKind
from pindrill.drills.play_run import PlayRun
from pindrill.judge import Controls, Finding
from pindrill.mint import Mint
from pindrill.model import Served, Strategy
from pindrill.results.line import (
    VERSION,
    ResultLine,
    RunResult,
    ServedCertificate,
    StageResult,
    StrategyName,
    ToldObservation,
    TwinAnswers,
)


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
    through: ProxyKind | None = None,
) -> ResultLine:
    """`unwatched`: where a secret could have gone without being seen."""
    return ResultLine(
        version=VERSION,
        pindrill=_core.version,
        client=client,
        client_version="",
        scenario=cell.scenario.id,
        code=cell.scenario.code,
        strategy=cast(StrategyName, cell.strategy_name),
        tls=cell.tls,
        round=cell.round,
        pins=_pins(cell, 0) or (),
        semantics=semantics,
        expected=cell.expected,
        verdict=finding.verdict,
        attribution=finding.attribution,
        control=TwinAnswers(genuine=controls.genuine, pin=controls.pin),
        reason=finding.reason,
        summary=cell.scenario.summary,
        catches=cell.scenario.catches,
        repeat=repeat,
        client_seconds=round(sum(report.duration_s for run in runs for report in run.reports), 4),
        known=None,
        stages=tuple(_stage(cell, index, runs, mint) for index in range(len(cell.stages))) if runs else (),
        unwatched=tuple(unwatched),
        through=through or "",
        vacuous=finding.vacuous,
    )


def _pins(cell: Cell, index: int) -> tuple[str, ...] | None:
    """What the client was told, or has compiled in."""
    if cell.play is None:
        return None
    told = cell.play.stages[index].pins
    return cell.stages[index].compiled if told is None else told


def _stage(cell: Cell, index: int, runs: list[PlayRun], mint: Mint) -> StageResult:
    assert cell.play
    played, planned, pins = cell.play.stages[index], cell.stages[index], _pins(cell, index)
    return StageResult(
        expected=planned.expected,
        because=planned.because,
        served=served_chain(mint, played.serve, cell.strategy, pins),
        pins=pins,
        runs=tuple(_run(run, index) for run in runs),
    )


def _run(run: PlayRun, index: int) -> RunResult:
    stage = run.stages[index]
    return RunResult(
        report=stage.report,
        observations=tuple(
            ToldObservation(**vars(seen), story=story(seen, stage.report.ending_at)) for seen in stage.seen
        ),
        strays=stage.strays,
    )


def served_chain(
    mint: Mint, served: Served, strategy: Strategy | None, pins: tuple[str, ...] | None
) -> tuple[ServedCertificate, ...]:
    """The list presented: who each certificate is, its pin, and whether the client pins it."""
    of = "certificate_sha256" if strategy and strategy.of == "certificate" else "spki_sha256"
    return tuple(
        ServedCertificate(**certificate, pinned=certificate[of] in (pins or ()))
        for certificate in mint.described(served)
    )

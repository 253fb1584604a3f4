"""A drill: scenarios x strategies x protocol versions against one client.

One cell asks one thing: a server shows credentials, and the oracle says beforehand what a correct client must do at
each. That a client refused proves little by itself: it may have crashed, or refuse everything. So a refusal is
believed only beside twins, which are played once and shared by all cells that need them. The **genuine twin** is the
server that the client must accept, under the same strategy, version, host and key type: unless it is accepted, no
refusal passes. The **pin twin** shows the very chain of the cell to a client whose pins cover it: if that is refused
too, the pin did not decide. Both lead up by the same stages as the cell. A leak needs no twin: the request secret was
there. A refusal that showed nothing on the wire is played again, and both have to agree.

Which strategies a client can express is found by playing the genuine server under each (`strategies.py`); cells of
those that it refuses are unsupported, not passed. Cells run on a pool, in no order; each result line goes out as soon
as it is judged. When all are done the driver is closed and every bench looked at once more: a secret that came after
its cell was judged makes a line that supersedes it.

An interruption stops the pool between cells and ends the clients (`interruption.py`): lines that were emitted stay
true."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from msgspec.structs import replace

from pindrill._core import CoreError
from pindrill.drills.bench import Bench
from pindrill.drills.cells import Cell, Pinning, Planner, Play
from pindrill.drills.clocks import BY_A_WRONG_CLOCK, AskWithOtherDates, OtherDates, believed, blamed
from pindrill.drills.play_run import PlayRun, StageRun, hung
from pindrill.drills.result_line import result_line
from pindrill.drills.strategies import LISTEN_S, StrategyProbing
from pindrill.interruption import PATIENCE_S, Started, heard, held
from pindrill.judge import (
    Control,
    Controls,
    Finding,
    StageFacts,
    agree,
    control_of,
    fold,
    judge_stage,
    under_its_spelling,
    vacuous,
)
from pindrill.keyring import NotServable
from pindrill.model import (
    HOST,
    LEAKS,
    PRECEDENCE,
    RFC7469,
    UNJUDGED,
    Expect,
    HarnessFailed,
    Scenario,
    Semantics,
    Strategy,
    TlsVersion,
    VerdictWord,
)
from pindrill.results.line import ResultLine

FAILURES = (OSError, MemoryError, HarnessFailed, CoreError)
"""Of ours, by what the machine would not give."""
_WITHOUT_PROXY = LEAKS | UNJUDGED | {VerdictWord.UNSUPPORTED}
"""What is true of a client whichever way it came."""
_HUNG_SHARE = 10
"""A client that hung at its genuine server is given this part of the deadline from then on."""


@dataclass(frozen=True, kw_only=True)
class DrillRequest:
    """What was asked for. `strategies`: None = one that the client can express, () = all, probed."""

    client: str
    scenarios: Sequence[Scenario]
    strategies: Sequence[Strategy] | None = None
    versions: Sequence[TlsVersion] = ("1.2", "1.3")
    semantics: Semantics = RFC7469
    pinning: Pinning = "told"
    rounds: int = 1
    jobs: int = 1
    repeat_command: Callable[[Cell], str] = lambda cell: cell.scenario.id
    annotated: Callable[[ResultLine], ResultLine] = lambda line: line
    """With what is known of the client and of the run."""
    done: frozenset[tuple[str, str, str, int]] = frozenset()
    """Cells that an earlier run finished."""
    shard: tuple[int, int] = (1, 1)
    """(i, n): every n-th cell, from the i-th on."""


@dataclass
class Verdicts:
    """What a drill came to."""

    lines: list[ResultLine] = field(default_factory=list)
    interrupted: bool = False


class Drill:
    """Runs one client's cells in parallel and emits a result line for each as it is finished."""

    def __init__(self, bench: Bench, request: DrillRequest) -> None:
        self._bench = bench
        self._mint = bench.mint
        self._request = request
        self._planner = Planner(
            bench.mint, semantics=request.semantics, pinning=request.pinning, no_sessions=bench.no_sessions
        )
        self._stop = threading.Event()
        self._judged: dict[Cell, tuple[Finding, list[PlayRun]]] = {}
        self._wrong_clocks: set[Cell] = set()
        self._probing = StrategyProbing(self._planner, request.versions, self._play, self._accepting)

    def run(self, emit: Callable[[ResultLine, int], None]) -> Verdicts:
        """`emit` gets each line and the number of cells in all."""
        verdicts = Verdicts()
        todo: list[Cell] = []
        finished = False

        def cut_short() -> None:
            if not finished:
                self._stop.set()
                self._bench.driver.close()

        with Started() as started:
            pool = started.start(lambda: ThreadPoolExecutor(self._request.jobs), _end_pool)
            started.undone_by(cut_short)
            try:
                every, inexpressible = self._cells(pool)
                cells = self._of_shard(every, inexpressible)
                self._notice_hanging([cell for cell in cells if cell.strategy not in inexpressible])
                todo = [cell for cell in cells if cell.key not in self._request.done]
                for line in self._every(pool, todo, inexpressible):
                    told = self._request.annotated(line)
                    verdicts.lines.append(told)
                    emit(told, len(todo))
                finished = True
            except KeyboardInterrupt:
                verdicts.interrupted = True
        return verdicts

    def _every(
        self, pool: ThreadPoolExecutor, cells: list[Cell], inexpressible: frozenset[Strategy]
    ) -> Iterable[ResultLine]:
        yield from self._finished(pool, cells, inexpressible)
        self._bench.driver.close(self._bench.deadline_s)  # what lives on may still send something
        yield from self._superseding()

    def _of_shard(self, cells: list[Cell], inexpressible: frozenset[Strategy]) -> list[Cell]:
        """Every shard gets its part of what takes time, and of what is only told."""
        index, of = self._request.shard
        told = [cell for cell in cells if cell.play is None or cell.strategy in inexpressible]
        played = [cell for cell in cells if cell.play is not None and cell.strategy not in inexpressible]
        return [*played[index - 1 :: of], *told[index - 1 :: of]]

    def _finished(
        self, pool: ThreadPoolExecutor, cells: list[Cell], inexpressible: frozenset[Strategy]
    ) -> Iterable[ResultLine]:
        waiting = iter(cells)
        running: set[Future[ResultLine]] = set()
        while True:
            while len(running) < 2 * self._request.jobs and (cell := next(waiting, None)):
                with held():  # else a thread may be left that nobody knows of
                    running.add(pool.submit(self._one, cell, inexpressible))
            if not running:
                return
            done, running = wait(running, timeout=LISTEN_S, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()

    def _one(self, cell: Cell, inexpressible: frozenset[Strategy]) -> ResultLine:
        if self._stop.is_set():
            raise KeyboardInterrupt
        if cell.unsupported or cell.play is None:
            return self._line(cell, _unsupported(cell.unsupported or ""), Controls(genuine=Control.ABSENT), [])
        if cell.strategy in inexpressible:
            refuses = "it refuses the genuine server under it, and accepts it under another"
            words = self._probing.own_words.get(cell.strategy, refuses)
            why = _unsupported(f"the client cannot express the strategy {cell.strategy_name}: {words}")
            return self._line(cell, why, Controls(genuine=Control.REFUSED), [])
        try:
            if unproxied := self._why_not_proxied(cell):
                return self._line(cell, _unsupported(unproxied), Controls(genuine=Control.ABSENT), [])
            finding, controls, runs = self._judge(cell, cell.play)
        except FAILURES as error:  # nothing that the client did or did not counts then
            return self._line(cell, _failed(error), Controls(genuine=Control.ABSENT), [])
        self._judged[cell] = (finding, runs)
        return self._line(cell, finding, controls, runs)

    def _why_not_proxied(self, cell: Cell) -> str:
        if not self._bench.through or cell.genuine_twin is None:
            return ""
        return self._play(cell.genuine_twin).why_not_proxied

    def _judge(self, cell: Cell, play: Play) -> tuple[Finding, Controls, list[PlayRun]]:
        runs = [self._play(play)]
        bare = self._fold(cell, runs[0], Controls())
        if bare.verdict in LEAKS:
            finding = believed(self._dated(cell), cell.scenario, bare)
            if finding is not bare:
                self._wrong_clocks.add(cell)
            return finding, Controls(genuine=Control.ABSENT), runs
        controls = self._controls(cell, bare)
        findings = [self._fold(cell, runs[0], controls)]
        if findings[0].needs_repeat:
            runs.append(self._play(play, attempt=1))
            findings.append(self._fold(cell, runs[1], controls))
        finding = agree(findings)
        if finding.verdict not in _WITHOUT_PROXY and self._bench.through and any(r.went_past_the_proxy for r in runs):
            finding = _inconclusive("it came to the server past the proxy: what it does behind the proxy is not known")
        if play.host != HOST:
            finding = under_its_spelling(finding, controls.genuine)
        return finding, controls, runs

    def _play(self, play: Play, attempt: int = 0) -> PlayRun:
        if self._stop.is_set():
            raise KeyboardInterrupt
        return self._bench.play(play, attempt)

    def _fold(self, cell: Cell, run: PlayRun, controls: Controls) -> Finding:
        stages = [
            self._facts(planned.expected, stage, anew=planned.anew, pinned=told.pinned)
            for told, planned, stage in zip(cell.scenario.stages, cell.stages, run.stages, strict=True)
        ]
        finding = fold([judge_stage(facts, controls) for facts in stages])
        return vacuous(finding, stages) if cell.scenario.sessions == "tickets" else finding

    def _controls(self, cell: Cell, bare: Finding) -> Controls:
        """The twins are only asked where a refusal is to be believed. `bare`: what the cell alone shows."""
        if all(stage.expected is Expect.ACCEPT for stage in cell.stages):
            if bare.verdict is not VerdictWord.OUTAGE:
                return Controls(genuine=Control.ABSENT)
            if _is_its_own_twin(cell):
                return Controls(genuine=Control.ABSENT, clock=self._clock(cell))
            genuine = self._control(cell.genuine_twin)
            return Controls(genuine=genuine, clock=self._clock(cell) if genuine is Control.REFUSED else "")
        genuine = self._control(cell.genuine_twin)
        twins = [self._control(stage.pin_twin) for stage in cell.stages if stage.pin_twin]
        pin = twins[-1] if twins else Control.ABSENT
        clock = self._clock(cell) if genuine is Control.REFUSED else ""
        return Controls(genuine=genuine, pin=pin, clock=clock)

    def _clock(self, cell: Cell) -> str:
        return blamed(self._dated(cell), self._mint.leaf(cell.scenario.genuine))

    def _dated(self, cell: Cell) -> AskWithOtherDates:
        def ask(dates: OtherDates) -> Control:
            try:
                return self._control(self._planner.genuine_with(dates, cell))
            except NotServable:
                return Control.ABSENT

        return ask

    def _control(self, twin: Play | None) -> Control:
        if twin is None:
            return Control.ABSENT
        return control_of(self._accepting(twin))

    def _accepting(self, play: Play) -> Finding:
        """What comes before its last stage leads up to it."""
        stage = self._play(play).stages[-1]
        return judge_stage(self._facts(Expect.ACCEPT, stage), Controls(genuine=Control.ABSENT))

    def _facts(
        self, expected: Expect, stage: StageRun, *, anew: Expect | None = None, pinned: bool = True
    ) -> StageFacts:
        return StageFacts(
            expected=expected,
            anew=anew,
            pinned=pinned,
            seen=stage.seen,
            report=stage.report,
            strays=stage.strays,
            pins_known=self._request.pinning != "presumed",
        )

    # --- which cells ---------------------------------------------------------------------------------------------

    def _cells(self, pool: ThreadPoolExecutor) -> tuple[list[Cell], frozenset[Strategy]]:
        request = self._request
        strategies, inexpressible = self._probing.chosen(pool, request.strategies, request.pinning)
        return (
            self._planner.cells(request.scenarios, strategies, request.versions, request.rounds),
            inexpressible,
        )

    def _notice_hanging(self, cells: list[Cell]) -> None:
        twin = next((cell.genuine_twin for cell in cells if cell.genuine_twin), None)
        if twin and hung(self._play(twin)):
            self._bench.deadline_s = max(1.0, self._bench.deadline_s / _HUNG_SHARE)

    # --- late secrets --------------------------------------------------------------------------------------------

    def _superseding(self) -> Iterable[ResultLine]:
        self._bench.late()
        for cell, (before, runs) in self._judged.items():
            findings = [self._fold(cell, run, Controls()) for run in runs]
            excused = BY_A_WRONG_CLOCK if cell in self._wrong_clocks else frozenset[VerdictWord]()
            leaks = [finding for finding in findings if finding.verdict in LEAKS - excused]
            late = fold(leaks) if leaks else before
            if PRECEDENCE.index(late.verdict) < PRECEDENCE.index(before.verdict):
                line = self._line(cell, late, Controls(genuine=Control.ABSENT), runs)
                yield replace(line, supersedes=True, reason=f"{late.reason} (after the cell was judged)")

    def _line(self, cell: Cell, finding: Finding, controls: Controls, runs: list[PlayRun]) -> ResultLine:
        return result_line(
            client=self._request.client,
            cell=cell,
            semantics=str(self._request.semantics),
            finding=finding,
            controls=controls,
            runs=runs,
            repeat=self._request.repeat_command(cell),
            mint=self._mint,
            unwatched=self._bench.unwatched,
            through=self._bench.through,
        )


def _end_pool(pool: ThreadPoolExecutor) -> None:
    with heard(PATIENCE_S):
        pool.shutdown(wait=True, cancel_futures=True)


def _is_its_own_twin(cell: Cell) -> bool:
    """What the genuine chain shows proves nothing for itself, in another round."""
    return (
        cell.play is not None and cell.genuine_twin is not None and cell.play.stages[-1] == cell.genuine_twin.stages[-1]
    )


def _failed(error: BaseException) -> Finding:
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Finding(verdict=VerdictWord.ERROR, reason=f"the harness failed: {what or type(error).__name__}")


def _inconclusive(why: str) -> Finding:
    return Finding(verdict=VerdictWord.INCONCLUSIVE, reason=why)


def _unsupported(why: str) -> Finding:
    return Finding(verdict=VerdictWord.UNSUPPORTED, reason=why)

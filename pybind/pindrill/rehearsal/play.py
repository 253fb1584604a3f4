"""Plays a plan's steps on one client, and puts what it did beside what was predicted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pindrill.drills.bench import Bench
from pindrill.drills.cells import Play, PlayStage
from pindrill.drills.play_run import StageRun
from pindrill.judge import Control, Controls, Finding, StageFacts, control_of, judge_stage
from pindrill.model import LEAKS, Expect, Semantics, Served, TlsVersion, VerdictWord
from pindrill.pinfiles import PinFile
from pindrill.preflight.model import State, Status
from pindrill.preflight.plan import Plan, PlanStep
from pindrill.rehearsal.cast import Act, Cast, NotHere, ToldPins, compiled, declared, predicted, told

Phase = Literal["before", "after", "back"]
PHASES: tuple[Phase, ...] = ("before", "after", "back")
Did = Literal["accepted", "refused", "unclear", "unsupported"]
_ALONE = Controls(genuine=Control.ABSENT)
_EXPECTED = {
    Status.ACCEPTS: Expect.ACCEPT,
    Status.UNPROTECTED: Expect.ACCEPT,
    Status.LOCKED_OUT: Expect.REFUSE,
}


@dataclass(frozen=True, kw_only=True)
class RehearsalLine:
    """One phase of one step with one pin file."""

    step: int
    name: str
    file: str
    tls: str
    phase: str
    predicted: str
    did: Did
    reason: str
    real_key: bool = False
    otherwise: str = ""
    """What the client's own declared semantics predict, where that is something else than the file's platform does."""

    @property
    def agrees(self) -> bool | None:
        """None: nothing can be said."""
        expected = {"accepts": "accepted", "unprotected": "accepted", "locked-out": "refused"}.get(self.predicted)
        if self.otherwise or expected is None or self.did not in ("accepted", "refused"):
            return None
        return self.did == expected

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "agrees": self.agrees}


class Rehearsal:
    def __init__(
        self, plan: Plan, cast: Cast, bench: Bench, semantics: Semantics, *, compiled_in: Sequence[PinFile] = ()
    ) -> None:
        """`compiled_in`: the pins of a client that cannot be told any; none: it is told those of each file."""
        self._plan = plan
        self._cast = cast
        self._bench = bench
        self._semantics = semantics
        self._compiled_in = compiled_in
        self._now = int(time.time())

    def lines(self, versions: Sequence[TlsVersion]) -> Iterator[RehearsalLine]:
        # All of them first: a file may pin the key of a later step.
        sides = [
            [self._cast.act(server, chain.name) for server, chain in zip(step.servers, chains, strict=True)]
            for step in self._plan.steps
            for chains in [(step.before, step.after)]
        ]
        for step, (before, after) in zip(self._plan.steps, sides, strict=True):
            for file in self._files():
                for tls in versions:
                    yield from self._step(step, before, after, file, tls)

    def _files(self) -> list[PinFile]:
        """Each once, whoever ships it."""
        if self._compiled_in:
            return list(self._compiled_in)
        return list({(file.path, file.format): file for each in self._plan.versions for file in each.files}.values())

    def _step(self, step: PlanStep, before: Act, after: Act, file: PinFile, tls: TlsVersion) -> Iterator[RehearsalLine]:
        acts = {"before": before, "after": after, "back": before}
        try:
            pins = self._pins(file, step, (before, after))
            runs = self._run(pins, [acts[phase] for phase in PHASES], tls)
        except NotHere as why:
            for phase in PHASES:
                yield self._line(step, file, tls, phase, acts[phase], Status.UNKNOWN, "unsupported", str(why))
            return
        for phase, run in zip(PHASES, runs, strict=True):
            expected = predicted(pins, acts[phase], self._cast.host, self._now)
            did, reason = _did(run, expected, self._controls(run, expected, acts[phase], pins, tls))
            other = declared(pins, acts[phase], self._semantics, self._cast.host, self._now)
            otherwise = other.status.value if _expect(other) is not _expect(expected) else ""
            yield self._line(step, file, tls, phase, acts[phase], expected.status, did, reason, otherwise)

    def _pins(self, file: PinFile, step: PlanStep, acts: Sequence[Act]) -> ToldPins:
        host, stands_for = self._plan.hosts[0], self._cast.stands_for
        if self._compiled_in:
            return compiled(file, host, stands_for, step.at, acts)
        return told(file, host, stands_for, step.at)

    def _run(self, pins: ToldPins, acts: Sequence[Act], tls: TlsVersion) -> list[StageRun]:
        """One session: what the client remembers of one credential is there at the next."""
        stages = tuple(PlayStage(serve=Served(key=act.label), pins=pins.values, of=pins.of) for act in acts)
        # What devices trust may change with the step; a session keeps the store that it began with.
        if acts[0].chain.trust.certificates != acts[1].chain.trust.certificates:
            return [
                self._bench.play(Play(stages=(stage,), trust=(act.label,), host=self._cast.host, tls=tls)).stages[0]
                for stage, act in zip(stages, acts, strict=True)
            ]
        return self._bench.play(Play(stages=stages, trust=(acts[0].label,), host=self._cast.host, tls=tls)).stages

    def _controls(self, run: StageRun, expected: State, act: Act, pins: ToldPins, tls: TlsVersion) -> Controls:
        """A refusal counts only from a client that accepts the same chain when its own key is pinned."""
        alone = _judged(run, _expect(expected), _ALONE).verdict
        if _expect(expected) is not Expect.REFUSE and alone is not VerdictWord.INCONCLUSIVE:
            return _ALONE
        if self._compiled_in:
            return Controls(genuine=self._genuine(tls))
        stage = PlayStage(serve=Served(key=act.label), pins=(act.own_pin(pins.of),), of=pins.of)
        twin = self._bench.play(Play(stages=(stage,), trust=(act.label,), host=self._cast.host, tls=tls)).stages[0]
        accepted = control_of(_judged(twin, Expect.ACCEPT, _ALONE))
        return Controls(genuine=accepted, pin=accepted)

    def _genuine(self, tls: TlsVersion) -> Control:
        """Of a client that is told no pins: did it accept any chain of this plan?"""
        for act in self._cast.acts:
            stage = PlayStage(serve=Served(key=act.label), pins=None)
            run = self._bench.play(Play(stages=(stage,), trust=(act.label,), host=self._cast.host, tls=tls)).stages[0]
            if control_of(_judged(run, Expect.ACCEPT, _ALONE)) is Control.ACCEPTED:
                return Control.ACCEPTED
        return Control.REFUSED

    def _line(
        self,
        step: PlanStep,
        file: PinFile,
        tls: TlsVersion,
        phase: str,
        act: Act,
        status: Status,
        did: Did,
        reason: str,
        otherwise: str = "",
    ) -> RehearsalLine:
        return RehearsalLine(
            step=step.number,
            name=step.name,
            file=file.path,
            tls=tls,
            phase=phase,
            predicted=status.value,
            did=did,
            reason=reason,
            real_key=act.real_key,
            otherwise=otherwise,
        )


def _expect(state: State) -> Expect:
    return _EXPECTED.get(state.status, Expect.REPORT)


def _did(run: StageRun, expected: State, controls: Controls) -> tuple[Did, str]:
    """Judged as in a drill."""
    finding = _judged(run, _expect(expected), controls)
    if finding.verdict in LEAKS:
        return "accepted", finding.reason
    match finding.verdict:
        case VerdictWord.PASS:
            return ("accepted" if _expect(expected) is Expect.ACCEPT else "refused"), finding.reason
        case VerdictWord.OUTAGE:
            return "refused", finding.reason
        case VerdictWord.UNSUPPORTED:
            return "unsupported", finding.reason
        case _:
            return "unclear", finding.reason


def _judged(run: StageRun, expected: Expect, controls: Controls) -> Finding:
    return judge_stage(StageFacts(expected=expected, seen=run.seen, report=run.report, strays=run.strays), controls)

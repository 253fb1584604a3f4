"""From scenarios to cells: what is shown, what the client is told, and what it must do. No socket is opened here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from pindrill import _core
from pindrill.drills.clocks import OtherDates
from pindrill.keyring import NotServable
from pindrill.mint import Mint
from pindrill.model import (
    BACKUP,
    HOST,
    RFC7469,
    STRATEGIES,
    Expect,
    PinsOf,
    Scenario,
    Semantics,
    Served,
    Sessions,
    Stage,
    Strategy,
    TlsVersion,
)

Pinning = Literal["told", "compiled", "presumed", "none"]
"""told: in the target; compiled: in the client, from a keyring; presumed: in the client, unknown; none at all."""


@dataclass(frozen=True, kw_only=True)
class PlayStage:
    """One credential and what the client is told about it."""

    serve: Served
    pins: tuple[str, ...] | None
    of: Literal["spki", "certificate"] = "spki"
    expires: str | None = None
    takes_tickets: bool = True


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is really run: cells that need the same play share it."""

    stages: tuple[PlayStage, ...]
    trust: tuple[str, ...]
    host: str
    tls: TlsVersion
    sessions: Sessions = "none"
    round: int = 0


@dataclass(frozen=True, kw_only=True)
class CellStage:
    expected: Expect
    because: str
    """The oracle's sentence."""
    pin_twin: Play | None
    anew: Expect | None = None
    """What a full handshake has to come to, where `expected` is of a connection that resumes a session."""
    compiled: tuple[str, ...] | None = None
    """The pins that the client has from its keyring, which it is not told."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One scenario x strategy x version for one client."""

    scenario: Scenario
    strategy: Strategy | None
    tls: TlsVersion
    play: Play | None
    genuine_twin: Play | None
    stages: tuple[CellStage, ...]
    unsupported: str | None = None
    """Why it cannot be run with this client."""
    round: int = 0

    @property
    def strategy_name(self) -> str:
        return self.strategy.name if self.strategy else "-"

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.scenario.id, self.strategy_name, self.tls, self.round)

    @property
    def expected(self) -> Expect:
        """Of the stage that matters: one that must be refused, if any."""
        found = {stage.expected for stage in self.stages}
        order = (Expect.REFUSE, Expect.CONFIG_ERROR_OR_REFUSE, Expect.REPORT)
        return next((expect for expect in order if expect in found), Expect.ACCEPT)


class Planner:
    """Plans the cells of one client."""

    def __init__(
        self, mint: Mint, *, semantics: Semantics = RFC7469, pinning: Pinning = "told", no_sessions: str = ""
    ) -> None:
        """`no_sessions`: why no session outlives a request of this client; empty: it may."""
        self._mint = mint
        self._no_sessions = no_sessions
        self._semantics = semantics
        self._pinning = pinning
        self._now = int(time.time())

    def cells(
        self,
        scenarios: Iterable[Scenario],
        strategies: Sequence[Strategy | None],
        versions: Sequence[TlsVersion],
        rounds: int = 1,
    ) -> list[Cell]:
        return [
            replace(cell, round=number, play=cell.play and replace(cell.play, round=number))
            for scenario in scenarios
            for strategy in strategies
            for tls in versions
            if tls in scenario.tls and not (scenario.needs_backup and strategy is not None and not strategy.backup)
            for cell in [self.cell(scenario, strategy, tls)]
            for number in range(rounds)
        ]

    def cell(self, scenario: Scenario, strategy: Strategy | None, tls: TlsVersion) -> Cell:
        if why := self._cannot(scenario, strategy):
            return Cell(
                scenario=scenario,
                strategy=strategy,
                tls=tls,
                play=None,
                genuine_twin=None,
                stages=tuple(CellStage(expected=Expect.REPORT, because="", pin_twin=None) for _ in scenario.stages),
                unsupported=why,
            )
        stages = tuple(self._stage(scenario, index, strategy, tls) for index in range(len(scenario.stages)))
        to_refuse = [index for index, stage in enumerate(stages) if stage.expected is not Expect.ACCEPT]
        return Cell(
            scenario=scenario,
            strategy=strategy,
            tls=tls,
            play=self._play(scenario, scenario.stages, strategy, tls),
            genuine_twin=self.genuine(strategy, tls, scenario, before=to_refuse[-1] if to_refuse else 0),
            stages=stages,
        )

    def genuine(
        self, strategy: Strategy | None, tls: TlsVersion, scenario: Scenario | None = None, *, before: int = 0
    ) -> Play:
        """The genuine server under the same trust file, spelling of the host and key type.

        `before`: how many stages of the scenario lead up to it, since a client may refuse whatever comes second.
        """
        base = scenario or Scenario(id="", code="", summary="", catches="", stages=())
        pins = PinsOf(pinned=base.genuine, backup=base.pins.backup if base.genuine != PinsOf().pinned else BACKUP)
        takes_tickets = all(stage.takes_tickets for stage in base.stages[before : before + 1])
        twin = Stage(serve=base.genuine, pins=pins, takes_tickets=takes_tickets)
        return self._play(base, _led_up_to(base.stages[:before], twin), strategy, tls)

    def genuine_with(self, dates: OtherDates, cell: Cell) -> Play:
        """The genuine twin of a cell, of which only the dates differ."""
        before = len(cell.genuine_twin.stages) - 1 if cell.genuine_twin else 0
        return self.genuine(cell.strategy, cell.tls, dates.of(cell.scenario), before=before)

    def expectation(self, scenario: Scenario, stage: Stage, strategy: Strategy | None) -> tuple[Expect, str]:
        """What a correct client does; `report` where its declared semantics say otherwise."""
        if stage.expect is not None:
            return stage.expect, "stated by the scenario"
        standard = self._decide(scenario, stage, strategy, RFC7469)
        if standard.expired_pins and self._lasting(scenario, stage, strategy).answer != standard.answer:
            return Expect.REPORT, f"fail open by design: {standard.reason}"
        if self._semantics == RFC7469:
            return Expect(standard.answer), standard.reason
        declared = self._decide(scenario, stage, strategy, self._semantics)
        if declared.answer == standard.answer:
            return Expect(standard.answer), standard.reason
        return Expect.REPORT, f"declared semantics differ ({self._semantics}): {declared.reason}"

    def _lasting(self, scenario: Scenario, stage: Stage, strategy: Strategy | None) -> _core.Decision:
        """As if its pin set had not expired."""
        pins = replace(stage.pins or scenario.pins, expires=None)
        return self._decide(scenario, replace(stage, pins=pins), strategy, RFC7469)

    def _decide(
        self, scenario: Scenario, stage: Stage, strategy: Strategy | None, semantics: Semantics
    ) -> _core.Decision:
        pin_sets = []
        if strategy is not None and stage.pinned:
            wanted = stage.pins or scenario.pins
            pins = [_core.Pin.parse(text, strategy.of) for text in self._mint.pins(strategy, wanted)]
            pin_sets = [_core.PinSet(HOST, pins, expires=self._end(wanted))]
        return _core.decide(
            pin_sets,
            self._mint.trust(scenario.trust),
            self._mint.credential(stage.serve).chain,
            scenario.host,
            self._now,
            position=semantics.position,
            mode=semantics.mode,
            check_host=semantics.host,
        )

    def _end(self, pins: PinsOf) -> int | None:
        """Seconds since the epoch."""
        return None if pins.expires is None else self._now + int(pins.expires.total_seconds())

    def _play(self, scenario: Scenario, stages: Sequence[Stage], strategy: Strategy | None, tls: TlsVersion) -> Play:
        return Play(
            stages=tuple(self._played(stage, strategy, stage.pins or scenario.pins) for stage in stages),
            trust=scenario.trust,
            host=scenario.host,
            tls=tls,
            sessions=scenario.sessions,
        )

    def _played(self, stage: Stage, strategy: Strategy | None, pins: PinsOf) -> PlayStage:
        of = strategy.of if strategy else "spki"
        played = PlayStage(serve=stage.serve, pins=None, of=of, takes_tickets=stage.takes_tickets)
        if self._pinning != "told" or strategy is None or not stage.pinned:
            return played
        end = self._end(pins)
        expires = None if end is None else datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return replace(played, pins=self._mint.pins(strategy, pins), expires=expires)

    def _stage(self, scenario: Scenario, index: int, strategy: Strategy | None, tls: TlsVersion) -> CellStage:
        stage = scenario.stages[index]
        if strategy is None and self._pinning == "presumed":
            expected, because = self._presumed(scenario, stage)
        else:
            expected, because = self.expectation(scenario, stage, strategy)
        twin = None
        if expected is not Expect.ACCEPT and self._pinning == "told" and strategy is not None:
            covering = Stage(serve=stage.serve, pins=PinsOf(pinned=stage.serve), takes_tickets=stage.takes_tickets)
            twin = self._play(scenario, _led_up_to(scenario.stages[:index], covering), strategy, tls)
        compiled = None
        if self._pinning == "compiled" and strategy is not None:
            compiled = self._mint.pins(strategy, stage.pins or scenario.pins)
        anew = None
        if scenario.sessions == "tickets" and stage.expect is not None:
            anew, _ = self.expectation(scenario, replace(stage, expect=None), strategy)
        return CellStage(expected=expected, because=because, pin_twin=twin, anew=anew, compiled=compiled)

    def _presumed(self, scenario: Scenario, stage: Stage) -> tuple[Expect, str]:
        expected, because = self.expectation(scenario, stage, STRATEGIES[0])
        return expected, f"whatever key is pinned: {because}" if stage.expect is None else because

    def _cannot(self, scenario: Scenario, strategy: Strategy | None) -> str | None:
        try:
            for stage in (*scenario.stages, Stage(serve=scenario.genuine)):
                self._mint.credential(stage.serve)
                if strategy is not None:
                    self._mint.pins(strategy, stage.pins or scenario.pins)
        except NotServable as error:
            return str(error)
        if scenario.sessions == "tickets" and self._no_sessions:
            return self._no_sessions
        if self._pinning == "told":
            return None
        changed = "the client's pins cannot be set from outside, and this scenario changes them"
        told = [stage.pins or scenario.pins for stage in scenario.stages]
        if self._pinning == "compiled" and strategy is not None:
            ordinary = self._mint.pins(strategy, PinsOf())
            same = all(self._mint.pins(strategy, pins) == ordinary and pins.expires is None for pins in told)
            return None if same and all(stage.pinned for stage in scenario.stages) else changed
        if any(pins.alter is not PinsOf().alter or pins.third or pins.expires is not None for pins in told):
            return changed
        if any(stage.pins or not stage.pinned for stage in scenario.stages):
            return changed
        if scenario.genuine != PinsOf().pinned or scenario.needs_backup:
            return changed
        if self._pinning == "presumed":
            for stage in scenario.stages:
                answers = {self.expectation(scenario, stage, each)[0] for each in STRATEGIES}
                if len(answers) > 1:
                    return "what must happen depends on which key is pinned; say so with --pinned"
        return None


def _led_up_to(before: Sequence[Stage], twin: Stage) -> tuple[Stage, ...]:
    """A twin takes the tickets that it gave itself: no twin holds the ticket key of another server."""
    own = all(stage.serve == twin.serve for stage in before)
    return (*before, replace(twin, takes_tickets=twin.takes_tickets and own))

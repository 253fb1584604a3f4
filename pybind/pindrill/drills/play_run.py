"""What one run of a play showed, and what it says of the client's way to its server."""

from __future__ import annotations

from dataclasses import dataclass, field

from pindrill.classify import Shape, shape
from pindrill.drills.proxies import ProxyLeg
from pindrill.drills.servers import ScenarioServer
from pindrill.judge.words import told
from pindrill.model import ClientReport, HarnessFailed, Observation, Said, Stray

_SAID_NOTHING_OF_A_PROXY = frozenset({Said.DIED, Said.CANNOT_RUN, Said.ERROR, Said.UNSUPPORTED})


@dataclass(frozen=True)
class StageRun:
    """What one stage of one run of a play showed."""

    seen: tuple[Observation, ...]
    report: ClientReport
    strays: tuple[Stray, ...]


@dataclass
class PlayRun:
    """One run of a play: fresh server, HOME and session."""

    number: int
    server: ScenarioServer | None
    """Kept open for a while: something may still arrive."""
    secrets: list[str]
    strays: dict[str, list[Stray]]
    reports: list[ClientReport] = field(default_factory=list)
    gathered: list[tuple[Observation, ...]] = field(default_factory=list)
    legs: dict[int, ProxyLeg] = field(default_factory=dict)
    """The connections to the proxy that led to its server, if it is drilled through one."""

    @property
    def stages(self) -> list[StageRun]:
        return [
            StageRun(seen, report, tuple(self.strays.get(secret, ())))
            for seen, report, secret in zip(self.gathered, self.reports, self.secrets, strict=True)
        ]

    @property
    def went_past_the_proxy(self) -> bool:
        """It came to its server by more connections than the proxy made."""
        return sum(len(stage.seen) for stage in self.stages) > self._tunnels()

    @property
    def why_not_proxied(self) -> str:
        """Of a run that had to end well: why this client cannot be drilled through the proxy; empty if it can."""
        stages = self.stages
        if self._tunnels() or any(stage.strays for stage in stages):
            return ""
        if any(stage.seen for stage in stages):
            return "it does not use the proxy of its environment: it came to the server directly"
        report = stages[-1].report
        if report.said in _SAID_NOTHING_OF_A_PROXY:
            return ""
        return f"it does not come through the proxy of its environment: it {told(report)}"

    def refuse_broken_proxy(self) -> None:
        """What a client made of a failure of ours says nothing of it."""
        for leg in tuple(self.legs.values()):
            if leg.connect_failure:
                raise HarnessFailed(f"our proxy had no connection to the server: {leg.connect_failure}")

    def _tunnels(self) -> int:
        return sum(leg.connected for leg in tuple(self.legs.values()))


def hung(run: PlayRun) -> bool:
    """The client was ended at the deadline without having said or shown anything."""
    return all(
        stage.report.said is Said.TIMEOUT
        and all(shape(seen, stage.report.ending_at) in (Shape.OPEN, Shape.NO_HELLO) for seen in stage.seen)
        for stage in run.stages
    )

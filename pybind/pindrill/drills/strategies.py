"""Which pin strategies a client can express: those under which it accepts the genuine server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from enum import Enum

from pindrill.drills.cells import Pinning, Planner, Play
from pindrill.drills.play_run import PlayRun, StageRun
from pindrill.interruption import held
from pindrill.judge import Finding
from pindrill.keyring import NotServable
from pindrill.model import GENUINE, STRATEGIES, STRATEGY, Said, Scenario, Strategy, TlsVersion, VerdictWord

DEFAULT_STRATEGY = STRATEGY["leaf-spki+backup"]
LISTEN_S = 0.5
"""Python misses a signal that comes just before it begins to wait: it is heard so much later."""
_PROBED = (
    *(STRATEGY[f"{kind}+backup"] for kind in ("leaf-spki", "leaf-cert", "intermediate-spki", "root-spki")),
    *(STRATEGY[kind] for kind in ("leaf-spki", "leaf-cert", "intermediate-spki", "root-spki")),
)
_WITH_ROOT = Scenario(
    id="", code="", summary="", catches="", stages=(), genuine=GENUINE.present("leaf", "issuers", "root")
)


class _Probe(Enum):
    """What a client does with the genuine server under a strategy."""

    ACCEPTED = 1
    REFUSED = 2
    """On the wire, or before it connected: it may not be able to express the strategy."""
    UNCLEAR = 3
    """It leaked, died or hung: that is for its cells to tell."""


class StrategyProbing:
    """`accepting`: how a play is judged that a client must accept."""

    def __init__(
        self,
        planner: Planner,
        versions: Sequence[TlsVersion],
        play: Callable[[Play], PlayRun],
        accepting: Callable[[Play], Finding],
    ) -> None:
        self._planner = planner
        self._versions = versions
        self._play = play
        self._accepting = accepting
        self.own_words: dict[Strategy | None, str] = {}
        """Why a strategy cannot be expressed, where the client said so itself."""

    def chosen(
        self, pool: ThreadPoolExecutor, asked: Sequence[Strategy] | None, pinning: Pinning
    ) -> tuple[Sequence[Strategy | None], frozenset[Strategy]]:
        """Those to be drilled, and those among them that cannot be expressed. `asked` as in `DrillRequest`."""
        if pinning in ("presumed", "none"):
            return (None,), frozenset()
        if asked:
            return asked, frozenset()
        if asked is None:
            return self._default(pool)
        answers = self._probes(pool, STRATEGIES)
        missing = frozenset(strategy for strategy, answer in answers.items() if answer is _Probe.REFUSED)
        # Where none is accepted the client is at fault, not the notation.
        return STRATEGIES, missing if _Probe.ACCEPTED in answers.values() else frozenset()

    def _default(self, pool: ThreadPoolExecutor) -> tuple[Sequence[Strategy], frozenset[Strategy]]:
        if self._probe(DEFAULT_STRATEGY) is _Probe.REFUSED:
            for strategy, answer in self._probes(pool, _PROBED).items():
                if answer is _Probe.ACCEPTED:
                    return (DEFAULT_STRATEGY, strategy), frozenset({DEFAULT_STRATEGY})
        return (DEFAULT_STRATEGY,), frozenset()

    def _probes(self, pool: ThreadPoolExecutor, strategies: Sequence[Strategy]) -> dict[Strategy, _Probe]:
        with held():
            asked = {strategy: pool.submit(self._probe, strategy) for strategy in strategies}
        while wait(asked.values(), timeout=LISTEN_S).not_done:
            pass
        return {strategy: future.result() for strategy, future in asked.items()}

    def _probe(self, strategy: Strategy) -> _Probe:
        """Also accepted where only a chain that is sent with its root is: that is a mistake, and no notation."""
        chains = (None, _WITH_ROOT) if strategy.kind == "root-spki" else (None,)
        refused = True
        for scenario in chains:
            for tls in reversed(self._versions):
                try:
                    twin = self._planner.genuine(strategy, tls, scenario)
                except NotServable:
                    return _Probe.UNCLEAR  # its cells say why
                finding = self._accepting(twin)
                if finding.verdict is VerdictWord.PASS:
                    return _Probe.ACCEPTED
                stage = self._play(twin).stages[-1]
                if stage.report.said is Said.UNSUPPORTED and stage.report.detail:
                    self.own_words[strategy] = stage.report.detail
                refused = refused and _refuses(finding, stage)
        return _Probe.REFUSED if refused else _Probe.UNCLEAR


def _refuses(finding: Finding, stage: StageRun) -> bool:
    unconnected = stage.report.said is Said.REFUSED and not any(seen.hello for seen in stage.seen)
    return finding.verdict in (VerdictWord.OUTAGE, VerdictWord.UNSUPPORTED) or (
        finding.verdict is VerdictWord.INCONCLUSIVE and unconnected
    )

"""What is asked for from Python, by a mark, an assertion or `Lab.drill`, as values. Nothing is run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pindrill import scenarios as catalogue
from pindrill.model import STRATEGY, TLS_VERSIONS, Scenario, Semantics, Strategy, TlsVersion, UsageError

_One = TypeVar("_One", bound=str | Scenario)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cells of one client. `strategies`: None = the first that the client can express."""

    scenarios: tuple[Scenario, ...]
    strategies: tuple[Strategy, ...] | None
    versions: tuple[TlsVersion, ...]
    semantics: Semantics | None
    """None: as the client's file says, or RFC 7469."""
    pinned: str | None
    """What is compiled into the client: None (it is told its pins), `none` or a strategy."""
    known: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Scenario pattern to the reason why a failure of it is expected."""

    def cells(self) -> Iterator[Selection]:
        """One selection a cell, in the catalogue's order."""
        for scenario in self.scenarios:
            for strategy in self.strategies or (None,):
                if scenario.needs_backup and strategy and not strategy.backup:
                    continue
                for version in self.versions:
                    if version in scenario.tls:
                        chosen = (strategy,) if strategy else None
                        yield replace(self, scenarios=(scenario,), strategies=chosen, versions=(version,))

    @property
    def id(self) -> str:
        """Of a cell: `IN5-genuine-leaf-appended-leaf-spki-tls1.2`."""
        [scenario], [version] = self.scenarios, self.versions
        strategy = f"-{self.strategies[0].name}" if self.strategies else ""
        return f"{scenario.code}-{scenario.id.partition('/')[2]}{strategy}-tls{version}"

    @property
    def known_reason(self) -> str | None:
        """Of a cell: why it is expected to fail."""
        [scenario] = self.scenarios
        return next(
            (reason for pattern, reason in self.known.items() if scenario in catalogue.matching(pattern)),
            None,
        )


def select(
    *,
    scenarios: str | Scenario | Sequence[str | Scenario],
    strategies: str | Sequence[str] | None = None,
    tls: str | Sequence[str] = TLS_VERSIONS,
    semantics: Semantics | None = None,
    pinned: str | None = None,
    known: Mapping[str, str] | None = None,
) -> Selection:
    """UsageError says what is wrong with it."""
    if pinned is not None and pinned != "none" and pinned not in STRATEGY:
        raise UsageError(f"pinned is none or a strategy ({', '.join(STRATEGY)}), not '{pinned}'")
    if pinned is not None and strategies is not None:
        raise UsageError("give either strategies (pins that the client is told) or pinned (compiled into it)")
    if pinned is not None and pinned != "none":
        strategies = pinned
    for pattern in known or {}:
        _scenarios(pattern)
    return Selection(
        scenarios=tuple(dict.fromkeys(found for each in _listed(scenarios) for found in _scenarios(each))),
        strategies=None if strategies is None else tuple(_strategy(name) for name in _listed(strategies)),
        versions=tuple(_version(text) for text in _listed(tls)),
        semantics=semantics,
        pinned=pinned,
        known=dict(known or {}),
    )


def _listed(given: _One | Sequence[_One]) -> tuple[_One, ...]:
    if isinstance(given, str | Scenario):
        return (given,)
    if not isinstance(given, Sequence) or not given:
        raise UsageError(f"a name or a list of at least one was expected, not {given!r}")
    return tuple(dict.fromkeys(given))


def _scenarios(given: str | Scenario) -> tuple[Scenario, ...]:
    if isinstance(given, Scenario):
        return (given,)
    found = catalogue.matching(given)
    if not found:
        raise UsageError(f"no scenario is called '{given}'; `pindrill scenarios` lists them")
    return found


def _strategy(name: str) -> Strategy:
    if name not in STRATEGY:
        raise UsageError(f"no strategy is called '{name}'; there are: {', '.join(STRATEGY)}")
    return STRATEGY[name]


def _version(text: str) -> TlsVersion:
    for version in TLS_VERSIONS:
        if text == version:
            return version
    raise UsageError(f"tls is '1.2', '1.3' or a list of them, not {text!r}")

"""The catalogue: values only, one module per area."""

from fnmatch import fnmatchcase

from pindrill.model import Scenario

from . import baseline, chain, hostname, interception, pin_set, resumption, rotation, validity

CATALOGUE: tuple[Scenario, ...] = (
    *baseline.ALL,
    *interception.ALL,
    *hostname.ALL,
    *chain.ALL,
    *rotation.ALL,
    *validity.ALL,
    *pin_set.ALL,
    *resumption.ALL,
)
CORE: tuple[Scenario, ...] = tuple(scenario for scenario in CATALOGUE if scenario.core)

if len({scenario.id for scenario in CATALOGUE}) != len(CATALOGUE):
    raise ValueError("two scenarios share an id")


def matching(pattern: str) -> tuple[Scenario, ...]:
    """Those whose id, or short code in any case, matches the pattern (a name or a glob)."""
    return tuple(
        scenario
        for scenario in CATALOGUE
        if fnmatchcase(scenario.id, pattern) or fnmatchcase(scenario.code, pattern.upper())
    )

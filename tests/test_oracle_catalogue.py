"""The expectations of the scenario catalogue, as it is published, against what the oracle computes.

One letter a pin strategy (leaf certificate, leaf SPKI, intermediate SPKI, root SPKI), one group a stage:
A accept, R refuse, P a matter of policy. The second column is with a backup pin that covers the new state;
outside the rotation group it changes nothing.
"""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from pindrill import _core
from pindrill.drills.cells import Planner
from pindrill.mint import Mint
from pindrill.model import (
    GENUINE,
    HOST,
    ROGUE,
    STRATEGIES,
    STRATEGY,
    Expect,
    PinsOf,
    Scenario,
    Served,
    Stage,
    Strategy,
)
from pindrill.scenarios import CATALOGUE

ALWAYS, NEVER = ("AAAA", "AAAA"), ("RRRR", "RRRR")
ROWS: dict[str, tuple[str, str]] = {
    "BL1": ALWAYS,
    "BL2": ALWAYS,
    "BL3": ALWAYS,
    "BL4": ALWAYS,
    "BL6": NEVER,
    "BL7": ALWAYS,
    "BL8": NEVER,
    "IN1": NEVER,
    "IN2": NEVER,
    "IN4": NEVER,
    "IN5": NEVER,
    "IN6": NEVER,
    "IN7": NEVER,
    "IN8": NEVER,
    "IN12": NEVER,
    "IN15": NEVER,
    "IN17": ("AAAA RRRR", "AAAA RRRR"),
    "IN18": ("RRRR AAAA", "RRRR AAAA"),
    "HN1": NEVER,
    "HN2": NEVER,
    "HN11": NEVER,
    "HN12": NEVER,
    "CH1": NEVER,
    "CH3": ALWAYS,
    "CH4": ALWAYS,
    "RO1": ("RAAA", "AAAA"),
    "RO2": ("RRAA", "AAAA"),
    "RO3": ("RARA", "AAAA"),
    "RO4": ("RRRA", "AAAA"),
    "RO5": ("RRRA", "AAAA"),
    "RO6": ("RRRR", "AAAA"),
    "RO7": ("---- ----", "AAAA AAAA"),
    "RO8": ("RRAA RRAA", "AAAA RRAA"),
    "RO9": ("RRAA", "AAAA"),
    "RO10 leaf": ("RRAA", "AAAA"),
    "RO10 root": ("AAAA", "AAAA"),
    "RO18": ALWAYS,
    "RO19": ALWAYS,
    "RO22": ("AAAA RRAA AAAA", "AAAA AAAA AAAA"),
    "RO26": ("----", "AAAA"),
    "VT1": NEVER,
    "VT2": NEVER,
    "VT3": NEVER,
    "VT7": ("PPPP", "PPPP"),
    "VT8": NEVER,
    "PL16": NEVER,
    "PL17": NEVER,
}
POLICY = frozenset({"PL1", "PL2"})
"""Rows without a plain A or R: an empty set is reported, a malformed one may be a configuration error."""

LETTER = {Expect.ACCEPT: "A", Expect.REFUSE: "R", Expect.REPORT: "P"}
WITHOUT = tuple(strategy for strategy in STRATEGIES if not strategy.backup)
WITH = tuple(strategy for strategy in STRATEGIES if strategy.backup)


def row_of(scenario: Scenario) -> str:
    if scenario.code == "RO10":
        return "RO10 root" if "-root-" in scenario.id else "RO10 leaf"
    return scenario.code


def letters(planner: Planner, scenario: Scenario, strategies: tuple[Strategy, ...]) -> str:
    groups = []
    for stage in scenario.stages:
        answers = [planner.expectation(scenario, stage, strategy)[0] for strategy in strategies]
        groups.append("".join(LETTER.get(answer, "?") for answer in answers))
    return " ".join(groups)


PLAIN = [scenario for scenario in CATALOGUE if scenario.code not in POLICY]


@pytest.mark.parametrize("scenario", PLAIN, ids=[scenario.id for scenario in PLAIN])
def test_expectation(mint: Mint, scenario: Scenario) -> None:
    planner = Planner(mint)
    without, with_backup = ROWS[row_of(scenario)]
    if not scenario.needs_backup:
        assert letters(planner, scenario, WITHOUT) == without
    assert letters(planner, scenario, WITH) == with_backup


def test_every_row_has_a_scenario_and_every_scenario_a_row() -> None:
    assert {row_of(scenario) for scenario in PLAIN} == set(ROWS)
    assert {scenario.code for scenario in CATALOGUE} - {row.split()[0] for row in ROWS} == POLICY


def test_a_row_that_needs_a_backup_has_no_letters_without_one() -> None:
    needy = {scenario.code for scenario in CATALOGUE if scenario.needs_backup}
    assert needy == {row for row, (without, _) in ROWS.items() if "-" in without}


@pytest.mark.parametrize("scenario", CATALOGUE, ids=[scenario.id for scenario in CATALOGUE])
def test_a_scenario_states_an_expectation_only_where_the_oracle_cannot_know(scenario: Scenario) -> None:
    stated = {stage.expect for stage in scenario.stages} - {None}
    assert bool(stated) == (scenario.code in {*POLICY, "IN8"})


@pytest.mark.parametrize("strategy", STRATEGIES, ids=[strategy.name for strategy in STRATEGIES])
def test_the_genuine_twin_of_every_scenario_must_be_accepted(mint: Mint, strategy: Strategy) -> None:
    """Otherwise no refusal of the scenario could ever pass."""
    planner = Planner(mint)
    for scenario in CATALOGUE:
        twin = planner.genuine(strategy, scenario.tls[0], scenario)
        [stage] = twin.stages
        decision = _core.decide(
            [_core.PinSet(HOST, [_core.Pin.parse(text, strategy.of) for text in stage.pins or ()])],
            mint.trust(twin.trust),
            mint.credential(stage.serve).chain,
            twin.host,
            int(time.time()),
        )
        assert (scenario.id, decision.answer) == (scenario.id, "accept"), decision.reason


FAULTS = ("HN1", "CH1", "VT1", "VT2", "VT3", "IN8")


@pytest.mark.parametrize("strategy", WITHOUT, ids=[strategy.name for strategy in WITHOUT])
@pytest.mark.parametrize("code", FAULTS)
def test_no_pin_hides_a_fault_that_is_none_of_the_pins(mint: Mint, code: str, strategy: Strategy) -> None:
    [scenario] = [scenario for scenario in CATALOGUE if scenario.code == code]
    [stage] = scenario.stages
    [covering] = mint.pins(strategy, PinsOf(pinned=stage.serve))
    assert covering in mint.pins(strategy, scenario.pins)


@pytest.mark.parametrize(("trust", "answer"), [(("root-rogue",), "accept"), (("root-current",), "refuse")])
def test_an_expired_pin_set_lets_a_trusted_chain_through_and_no_other(
    mint: Mint, trust: tuple[str, ...], answer: str
) -> None:
    now = int(time.time())
    pin_set = _core.PinSet(HOST, [_core.Pin.of_key(mint.keyring.key("leaf-current"))], expires=now - 60)
    decision = _core.decide([pin_set], mint.trust(trust), mint.credential(ROGUE).chain, HOST, now)
    assert decision.answer == answer
    assert decision.expired_pins


@pytest.mark.parametrize(
    ("served", "left", "expected"),
    [
        (ROGUE, timedelta(seconds=-1), Expect.REPORT),
        (ROGUE, timedelta(days=1), Expect.REFUSE),
        (ROGUE, None, Expect.REFUSE),
        (GENUINE, timedelta(days=-1), Expect.ACCEPT),
        (GENUINE, timedelta(days=1), Expect.ACCEPT),
        (GENUINE.misissue("root-untrusted", "intermediate-untrusted"), timedelta(days=-1), Expect.REFUSE),
        (GENUINE.name("other.pin.test"), timedelta(days=-1), Expect.REFUSE),
    ],
)
def test_only_what_an_expired_pin_set_would_have_refused_is_a_matter_of_policy(
    mint: Mint, served: Served, left: timedelta | None, expected: Expect
) -> None:
    stage = Stage(serve=served, pins=PinsOf(expires=left))
    scenario = Scenario(id="", code="", summary="", catches="", stages=(stage,))
    for strategy in (STRATEGY["leaf-spki"], STRATEGY["root-spki+backup"]):
        found, because = Planner(mint).expectation(scenario, stage, strategy)
        assert found is expected, because
        assert ("fail open by design: the pin set has expired" in because) == (expected is Expect.REPORT)

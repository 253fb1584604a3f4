"""The expectations of the scenario catalogue, as it is published, against what the oracle computes."""

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
    Alter,
    Expect,
    PinsOf,
    Scenario,
    Served,
    Stage,
    Strategy,
)
from pindrill.scenarios import CATALOGUE

LETTER = {Expect.ACCEPT: "A", Expect.REFUSE: "R", Expect.REPORT: "P", Expect.CONFIG_ERROR_OR_REFUSE: "C"}
NO_PIN = {Alter.EMPTY_SET, Alter.NOT_BASE64, Alter.SHORT, Alter.TRAILING_JUNK}
"""The client is told nothing that the oracle could compare."""
WITHOUT = tuple(strategy for strategy in STRATEGIES if not strategy.backup)
WITH = tuple(strategy for strategy in STRATEGIES if strategy.backup)


def letters(planner: Planner, scenario: Scenario, strategies: tuple[Strategy, ...]) -> str:
    groups = []
    for stage in scenario.stages:
        answers = [planner.expectation(scenario, stage, strategy)[0] for strategy in strategies]
        groups.append("".join(LETTER[answer] for answer in answers))
    return " ".join(groups)


@pytest.mark.parametrize("scenario", CATALOGUE, ids=[scenario.id for scenario in CATALOGUE])
def test_expectation(mint: Mint, scenario: Scenario) -> None:
    planner = Planner(mint)
    without, with_backup = scenario.expected
    if not scenario.needs_backup:
        assert letters(planner, scenario, WITHOUT) == without
    assert letters(planner, scenario, WITH) == with_backup


def test_a_row_that_needs_a_backup_has_no_letters_without_one() -> None:
    for scenario in CATALOGUE:
        assert scenario.needs_backup == ("-" in scenario.expected[0]), scenario.id
        assert "-" not in scenario.expected[1]


def test_only_a_rotation_asks_more_of_a_backup_pin() -> None:
    assert {each.id.partition("/")[0] for each in CATALOGUE if len(set(each.expected)) > 1} == {"rotation"}


@pytest.mark.parametrize("scenario", CATALOGUE, ids=[scenario.id for scenario in CATALOGUE])
def test_a_scenario_states_an_expectation_only_where_the_oracle_cannot_know(scenario: Scenario) -> None:
    stated = {stage.expect for stage in scenario.stages} - {None}
    altered = {(stage.pins or scenario.pins).alter for stage in scenario.stages}
    by_another = any(stage.takes_tickets and stage.serve != scenario.stages[0].serve for stage in scenario.stages)
    stolen_key = scenario.sessions == "tickets" and by_another
    assert bool(stated) == (scenario.fault == "possession" or bool(altered & NO_PIN) or stolen_key)


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

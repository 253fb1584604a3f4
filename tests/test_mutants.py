"""Every mutant gets exactly its declared row, and the correct client passes everything."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from pindrill import scenarios
from pindrill.model import STRATEGY, Scenario
from support.scenario_groups import GROUPS, groups_of

MUTANTS = Path(__file__).parent.parent / "fixtures" / "clients" / "mutants"
ROWS: dict[str, dict[str, Any]] = tomllib.loads((MUTANTS / "mutants.toml").read_text())
STRATEGIES = ("leaf-spki+backup", "intermediate-spki+backup")
POLICY = {"PL1", "VT7", "RP5"}
Cell = tuple[str, str, str]


def drilled(
    bug: str, driver: str, strategies: tuple[str, ...], results: Path, through: str | None = None
) -> dict[Cell, str]:
    """The verdict of every cell of a real drill of this mutant."""
    client = [sys.executable, str(MUTANTS / "client.py"), bug]
    options = [part for strategy in strategies for part in ("--strategy", strategy)]
    if driver == "adapter":
        options += ["--adapter"]
    else:
        client += ["--target", "{target_file}"]
    if bug.startswith("hang"):
        options += ["--deadline", "1", "--jobs", "16"]
    if through:
        options += ["--through", through]
    argv = [sys.executable, "-m", "pindrill", "drill", *options, "--json", str(results), "--", *client]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    return {(line["scenario"], line["strategy"], line["tls"]): line["verdict"] for line in lines}


def strategies_of(mutant: dict[str, Any]) -> tuple[str, ...]:
    return STRATEGIES if "*" in mutant["row"] else tuple(mutant["row"])


def declared(row: dict[str, dict[str, str]], strategies: tuple[str, ...], driver: str = "adapter") -> dict[Cell, str]:
    return {
        (scenario.id, strategy, tls): (
            "unsupported"
            if driver == "command" and scenario.sessions == "tickets"
            else _verdict(row.get(strategy, row.get("*", {})), scenario, strategy, tls)
        )
        for scenario in scenarios.CATALOGUE
        for strategy in strategies
        for tls in scenario.tls
    }


def _verdict(row: dict[str, str], scenario: Scenario, strategy: str, tls: str) -> str:
    for verdict, names in row.items():
        if any(_named(name, scenario, strategy, tls) for name in names.split()):
            return verdict
    return "reported" if scenario.code in POLICY else "pass"


def _named(name: str, scenario: Scenario, strategy: str, tls: str) -> bool:
    if name.startswith("@"):
        assert name[1:] in GROUPS, name
        return name[1:] in groups_of(scenario, STRATEGY[strategy])
    pattern, _, version = name.partition("@")
    return version in ("", tls) and (pattern == scenario.code or fnmatchcase(scenario.id, pattern))


@pytest.mark.parametrize("bug", ROWS)
def test_a_mutant_gets_its_declared_row(bug: str, tmp_path: Path) -> None:
    mutant = ROWS[bug]
    strategies = strategies_of(mutant)
    found = drilled(bug, mutant["driver"], strategies, tmp_path / "results.jsonl", mutant.get("through"))
    assert found == declared(mutant["row"], strategies, mutant["driver"])


@pytest.mark.parametrize("through", [None, "connect", "socks"])
@pytest.mark.parametrize("correct", ["none", "none-resuming"])
def test_a_correct_client_passes_everything(correct: str, through: str | None, tmp_path: Path) -> None:
    found = drilled(correct, "adapter", STRATEGIES, tmp_path / "results.jsonl", through)
    assert found == declared({}, STRATEGIES)


def test_every_scenario_that_must_be_refused_is_failed_by_a_mutant() -> None:
    failed = {
        scenario
        for mutant in ROWS.values()
        if "through" not in mutant  # that it fails is the proxy's doing
        for (scenario, _, _), verdict in declared(mutant["row"], strategies_of(mutant), mutant["driver"]).items()
        if verdict in ("fail-open", "leaked", "downgrade", "outage")
    }
    # Of a stolen ticket key no client can tell; one that makes a full handshake instead is judged.
    assert {scenario.code for scenario in scenarios.CATALOGUE if scenario.id not in failed} == POLICY - {"RP5"}


def test_a_client_that_never_connects_crashes_or_accepts_nothing_passes_no_cell() -> None:
    for bug in ("never-connects-refuses", "never-connects-accepts", "crash-at-start", "crash-after-handshake",
                "hang-before-handshake", "hang-after-handshake", "accepts-nothing"):  # fmt: skip
        verdicts = declared(ROWS[bug]["row"], strategies_of(ROWS[bug]), ROWS[bug]["driver"]).values()
        assert not {"pass", "reported"} & set(verdicts), bug


def test_every_group_has_scenarios_and_a_mutant() -> None:
    """A group that none is in, or that no mutant names, says nothing."""
    joined = {group for each in scenarios.CATALOGUE for name in STRATEGIES for group in groups_of(each, STRATEGY[name])}
    named = {
        name.removeprefix("@")
        for mutant in ROWS.values()
        for row in mutant["row"].values()
        for names in row.values()
        for name in names.split()
        if name.startswith("@")
    }
    assert joined == set(GROUPS)
    assert named == set(GROUPS)

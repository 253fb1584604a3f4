"""`pindrill scenarios`, `show` and `doctor`: what people read before they drill."""

from __future__ import annotations

import json

import pytest
from pindrill.scenarios import CATALOGUE
from support.cli import Pindrill


def test_the_list_names_every_scenario(pindrill: Pindrill) -> None:
    ran = pindrill.call("scenarios")
    assert ran.code == 0
    for scenario in CATALOGUE:
        assert f"{scenario.code:5} {scenario.id}"[:9] in ran.out
        assert scenario.id in ran.out


def test_the_export_has_every_scenario_with_its_expectations(pindrill: Pindrill) -> None:
    exported = json.loads(pindrill.call("scenarios", "--json").out)["scenarios"]
    assert [each["id"] for each in exported] == [scenario.id for scenario in CATALOGUE]
    by_code = {each["code"]: each for each in exported}
    assert by_code["RO2"]["stages"][0]["expected"] == {
        "leaf-cert": "refuse",
        "leaf-cert+backup": "accept",
        "leaf-spki": "refuse",
        "leaf-spki+backup": "accept",
        "intermediate-spki": "accept",
        "intermediate-spki+backup": "accept",
        "root-spki": "accept",
        "root-spki+backup": "accept",
    }
    assert set(by_code["RO7"]["stages"][0]["expected"]) == {
        f"{kind}+backup" for kind in ("leaf-cert", "leaf-spki", "intermediate-spki", "root-spki")
    }


def test_a_scenario_is_drawn_with_the_reason_of_each_expectation(pindrill: Pindrill) -> None:
    ran = pindrill.call("show", "IN17")
    assert ran.code == 0
    for text in ("IN17  interception/genuine-then-rogue", "Stage 1 presents", "Stage 2 presents", "TEST Root rogue"):
        assert text in ran.out
    assert ran.out.count("accept: ") == ran.out.count("refuse: ") == 8


@pytest.mark.parametrize("command", [("scenarios", "--json"), ("show", "RO10")], ids=["scenarios", "show"])
def test_whoever_only_looks_waits_for_no_slow_key(pindrill: Pindrill, command: tuple[str, ...]) -> None:
    empty = pindrill.directory / "empty"
    pindrill.environment["XDG_CACHE_HOME"] = str(empty)
    ran = pindrill.call(*command)
    assert ran.code == 0
    assert "rsa8192" in ran.out
    assert not empty.exists(), "a slow key was made, and put where drills look for it"


@pytest.mark.parametrize("name", ["BL6", "bl6", "baseline/trusted-ca-unpinned-key", "baseline/*-key"])
def test_a_scenario_is_found_by_id_code_and_glob(pindrill: Pindrill, name: str) -> None:
    assert "BL6  baseline/trusted-ca-unpinned-key" in pindrill.call("show", name).out


def test_a_scenario_that_is_not_there(pindrill: Pindrill) -> None:
    ran = pindrill.call("show", "ZZ9")
    assert ran.code == 2
    assert "no scenario is called 'ZZ9'" in ran.err


def test_the_doctor_says_what_works_here(pindrill: Pindrill) -> None:
    pindrill.call("keyring", "create", "kept")
    ran = pindrill.run("doctor", "--keyring", "kept")
    assert ran.code in (0, 3)
    assert "kept: the first kept certificate to expire, of leaf-" in ran.out
    for line in ran.out.splitlines()[1:]:
        assert line.startswith(("ok ", "-- ", "    "))


def test_help_names_the_commands(pindrill: Pindrill) -> None:
    ran = pindrill.call("--help")
    assert ran.code == 0
    for command in ("drill", "scenarios", "show", "pins", "doctor", "keyring"):
        assert command in ran.out

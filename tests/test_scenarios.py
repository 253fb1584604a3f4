"""The catalogue is values only, named and described."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pindrill import scenarios
from pindrill.keyring import PERMITTED_NAMES
from pindrill.model import TLS_VERSIONS, Scenario
from pindrill.scenarios import CATALOGUE, CORE, matching

SOURCES = sorted(Path(scenarios.__file__).parent.glob("*.py"))
AREAS = [path for path in SOURCES if path.name != "__init__.py"]
ALLOWED_STATEMENTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Expr)
ALLOWED = {"pindrill.model", "dataclasses", "datetime"}


def test_ids_are_unique_and_say_what_is_served() -> None:
    ids = [scenario.id for scenario in CATALOGUE]
    assert len(set(ids)) == len(ids)
    for each in ids:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*", each), each


def test_an_id_begins_with_the_area_of_its_module() -> None:
    for path in AREAS:
        found = {scenario.id.partition("/")[0] for scenario in getattr(scenarios, path.stem).ALL}
        assert found == {path.stem.replace("_", "-")}


@pytest.mark.parametrize("scenario", CATALOGUE, ids=[scenario.id for scenario in CATALOGUE])
def test_a_scenario_describes_itself(scenario: Scenario) -> None:
    assert re.fullmatch(r"[A-Z]{2}[0-9]+", scenario.code)
    assert scenario.summary.strip().endswith((".", "/"))
    assert scenario.catches.strip()
    assert not scenario.catches.endswith(".")
    assert all(reference.strip() for reference in scenario.references)
    assert scenario.stages
    assert scenario.tls
    assert set(scenario.tls) <= set(TLS_VERSIONS)


def test_every_module_of_the_folder_is_in_the_catalogue() -> None:
    listed = [scenario for path in AREAS for scenario in getattr(scenarios, path.stem).ALL]
    assert sorted(listed, key=CATALOGUE.index) == list(CATALOGUE)


def test_the_short_set_has_a_genuine_server_of_each_version_and_the_canonical_negative() -> None:
    codes = {scenario.code for scenario in CORE}
    assert {"BL1", "BL2", "BL6", "IN1", "IN2"} <= codes
    assert len(CORE) < len(CATALOGUE) / 2


@pytest.mark.parametrize("path", AREAS, ids=[path.stem for path in AREAS])
def test_a_module_imports_the_model_and_plain_values_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= ALLOWED
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module in ALLOWED


@pytest.mark.parametrize("path", AREAS, ids=[path.stem for path in AREAS])
def test_a_module_holds_values_and_functions_that_return_them(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        assert isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.Expr)
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant)
        if isinstance(node, ast.FunctionDef):
            told = [each for each in node.body if not isinstance(each, ast.Expr)]
            assert all(isinstance(each, ast.Assign | ast.Return) for each in told)


def test_a_scenario_cannot_be_changed() -> None:
    hash(CATALOGUE)
    with pytest.raises(AttributeError):
        CATALOGUE[0].id = "other/id"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("BL6", {"BL6"}),
        ("bl6", {"BL6"}),
        ("baseline/trusted-ca-unpinned-key", {"BL6"}),
        ("validity/*", {"VT1", "VT2", "VT3", "VT7", "VT8"}),
        ("PL1*", {"PL1", "PL16", "PL17"}),
        ("nothing-of-the-sort", set()),
    ],
)
def test_a_pattern_is_an_id_a_code_or_a_glob(pattern: str, codes: set[str]) -> None:
    assert {scenario.code for scenario in matching(pattern)} == codes


def test_every_name_served_is_permitted_to_the_test_roots() -> None:
    for scenario in CATALOGUE:
        for stage in scenario.stages:
            for name in stage.serve.names:
                assert any(name.endswith("." + permitted) for permitted in PERMITTED_NAMES), scenario.id

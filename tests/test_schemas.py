"""The published schemas: they describe what is really written, and nothing that is written is undocumented."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pindrill import reports
from pindrill.clients.adapter import AdapterDriver
from pindrill.model import PRECEDENCE, STRATEGIES, Expect, Said
from support.cli import UNPINNED_CURL, Pindrill, Result
from support.targets import pins, target

FOLDER = Path(reports.__file__).parent / "schemas"
SUPPORT = Path(__file__).parent / "support"
NAMES = ("target", "answer", "result", "scenarios", "audit")


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return found


def closed(part: Any) -> Any:
    """The schema, with every object limited to the properties that are documented."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    copy = {key: closed(value) for key, value in part.items()}
    if "properties" in part and "additionalProperties" not in part:
        copy["unevaluatedProperties"] = False
    if "allOf" in part:
        # An object that extends another: only the outermost one may be closed.
        copy["allOf"] = part["allOf"]
    return copy


def check(name: str, value: Any) -> None:
    Draft202012Validator(schema(name)).validate(value)
    strict = closed(schema(name))
    if name == "result":
        strict["$defs"]["told_observation"]["properties"].update(strict["$defs"]["observation"]["properties"])
        del strict["$defs"]["told_observation"]["allOf"]
    Draft202012Validator(strict).validate(value)


def nodes(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [node for each in part for node in nodes(each)]
    if not isinstance(part, dict):
        return []
    return [part, *(node for each in part.values() for node in nodes(each))]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_says_what_it_means(name: str) -> None:
    text = schema(name)
    Draft202012Validator.check_schema(text)
    assert text["title"]
    assert text["description"]
    for node in nodes(text):
        for required in node.get("required", []):
            assert required in node.get("properties", {required: None})


@pytest.mark.parametrize("name", NAMES)
def test_what_a_schema_requires_it_requires(name: str) -> None:
    """An empty object is valid nowhere."""
    with pytest.raises(ValidationError):
        Draft202012Validator(schema(name)).validate({})


def test_no_schema_is_there_without_a_test() -> None:
    assert {path.name for path in FOLDER.glob("*")} == {f"{name}.schema.json" for name in NAMES}


def test_the_words_of_the_schemas_are_those_of_the_model() -> None:
    result = schema("result")
    assert set(result["properties"]["verdict"]["enum"]) == set(PRECEDENCE)
    assert set(result["properties"]["strategy"]["enum"]) == {*(each.name for each in STRATEGIES), "-"}
    assert set(result["$defs"]["expect"]["enum"]) == set(Expect)
    assert set(result["$defs"]["report"]["properties"]["said"]["enum"]) == set(Said)
    assert set(schema("scenarios")["$defs"]["expect"]["enum"]) == set(Expect)


# --- targets and answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [{}, {"pins": None}, {"pins": ()}, {"pins": pins("*not base64", "", "short!junk")}, {"requires": ("h2",)}],
    ids=["ordinary", "do not pin", "empty set", "malformed values", "requires"],
)
def test_targets(values: dict[str, Any]) -> None:
    check("target", json.loads(json.dumps(target(**values).to_json())))


def test_targets_of_a_drill(pindrill: Pindrill) -> None:
    client = pindrill.script("app", f'#!/bin/sh\ncp "$1" {pindrill.directory}/told-$$.json\nexit 89\n')
    pindrill.drill((client, "{target_file}"), "--tls", "1.3", "--strategy", "leaf-cert+backup", only=("BL6", "PL*"))
    told = [json.loads(path.read_text()) for path in pindrill.directory.glob("told-*.json")]
    assert len(told) > 5
    for each in told:
        check("target", each)
    assert {pin_set["of"] for each in told for pin_set in each["pins"]} == {"certificate"}
    assert [] in [each["pins"] for each in told]


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "t1", "result": "accepted", "body": "text"},
        {"id": "t1", "result": "refused", "error": "pin mismatch"},
        {"id": "t1", "result": "unsupported", "why": "no hex"},
        {"id": "t1", "result": "error", "error": "bug"},
        {"id": "t1", "result": "accepted"},
    ],
)
def test_answers(answer: dict[str, Any]) -> None:
    check("answer", answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": "accepted"},
        {"id": "t1"},
        {"id": "t1", "result": "maybe"},
        {"id": 1, "result": "refused"},
        {"id": "t1", "result": "accepted", "body": ["text"]},
    ],
)
def test_what_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check("answer", answer)


def test_the_driver_reads_each_answer_of_the_schema(home: Path) -> None:
    driver = AdapterDriver([sys.executable, str(SUPPORT / "adapter.py")], directory=home)
    session = driver.session(home)
    said = {session.attempt(target(path=f"/{path}")).said for path in ("accept/x", "refuse", "unsupported", "error")}
    session.end()
    driver.close()
    assert said == set(schema("answer")["properties"]["result"]["enum"])


# --- results and scenarios -------------------------------------------------------------------------------------


def checked(results: list[Result]) -> set[str]:
    for line in results:
        check("result", line)
    return {line["verdict"] for line in results}


def test_results_of_a_command(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, only=("BL1", "BL6", "IN1", "IN17", "RO2", "PL16"))
    assert checked(ran.results) == {"pass", "fail-open", "unsupported"}


def test_results_of_a_client_that_cannot_be_judged(pindrill: Pindrill) -> None:
    client = ("sh", "-c", "exec sleep 1000", "{pins}")
    ran = pindrill.drill(client, "--deadline", "1", "--tls", "1.3", only=("BL6", "PL1", "PL2"))
    assert checked(ran.results) == {"inconclusive"}
    assert {run["report"]["exit_code"] for line in ran.results for run in line["stages"][0]["runs"]} == {None}


def test_a_secret_that_arrives_late_supersedes_the_result(pindrill: Pindrill) -> None:
    command = (sys.executable, str(SUPPORT / "late_adapter.py"))
    ran = pindrill.drill(command, "--adapter", "--jobs", "1", "--tls", "1.3", only=("BL1", "BL6", "IN4", "RO2"))
    assert {"pass", "downgrade"} <= checked(ran.results)
    lines = [line for line in ran.results if line["code"] == "BL6"]
    assert [(line["verdict"], line.get("supersedes")) for line in lines] == [("pass", None), ("downgrade", True)]
    assert "after the cell was judged" in lines[1]["reason"]
    assert ran.code == 1
    assert "downgrade  python" in ran.out


def test_a_known_deviation(pindrill: Pindrill) -> None:
    (pindrill.directory / "client.toml").write_text(
        'name = "bare"\ndriver = "command"\ncommand = ["curl", "-sSk", "{url}"]\nversion = ["curl", "--version"]\n'
        '[[known]]\nscenarios = ["baseline/*"]\nverdict = "fail-open"\nreason = "it never pinned"\nsource = "here"\n'
    )
    ran = pindrill.run(
        *("drill", "--only", "BL6", "--tls", "1.3", "--client", "client.toml", "--json", str(pindrill.json))
    )
    assert checked(ran.results) == {"fail-open"}
    assert ran.results[0]["known"] == {"reason": "it never pinned", "source": "here"}
    assert ran.results[0]["client_version"].startswith("curl ")


def test_the_exported_catalogue(pindrill: Pindrill) -> None:
    ran = pindrill.call("scenarios", "--json")
    assert ran.code == 0
    check("scenarios", json.loads(ran.out))

"""A result line with no more in it than the published schema asks for is shown in every format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pindrill.model import VerdictWord
from pindrill.reports.formats import FORMATS
from pindrill.results.check import check_result
from support.cli import CURL, Pindrill

SCHEMA = json.loads((Path(__file__).parents[1] / "reports/schemas/result.schema.json").read_text())
TEXTS = {
    "scenario": "interception/untrusted-ca",
    "code": "IN1",
    "semantics": "position=validated,mode=restrict,host=on",
    "spki_sha256": "q" * 43 + "=",
    "certificate_sha256": "q" * 43 + "=",
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    whole = dict(schema)
    while "$ref" in whole:
        whole = {**SCHEMA["$defs"][whole.pop("$ref").rpartition("/")[2]], **whole}
    for part in whole.pop("allOf", []):
        base = resolved(part)
        whole = {
            **base,
            "required": [*base["required"], *whole.get("required", [])],
            "properties": {**base["properties"], **whole.get("properties", {})},
        }
    return whole


def minimal(schema: dict[str, Any], name: str = "", *, full: bool = False) -> Any:
    """The least that is valid; `full`: objects for what may be null, and one item for what may have none."""
    schema = resolved(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "null" in kinds and not full:
        return None
    match kinds[0]:
        case "object":
            return {each: minimal(schema["properties"][each], each, full=full) for each in schema.get("required", ())}
        case "array":
            count = max(schema.get("minItems", 0), int(full))
            return [minimal(schema["items"], name, full=full) for _ in range(count)]
        case "string":
            return TEXTS.get(name, "x" * schema.get("minLength", 0))
        case "boolean":
            return False
        case _:
            return schema.get("minimum", 0)


def lines() -> Iterator[dict[str, Any]]:
    for full in (False, True):
        for index, verdict in enumerate(VerdictWord):
            yield {
                **minimal(SCHEMA, full=full),
                "verdict": verdict.value,
                "client": f"{verdict}-{full}",
                "scenario": f"interception/s{index}",
            }


def test_they_are_valid_and_no_key_can_be_missing() -> None:
    validator = jsonschema_rs.Draft202012Validator(SCHEMA)
    for line in lines():
        validator.validate(line)
        for key in line:
            with pytest.raises(ValueError, match="required"):
                check_result({name: value for name, value in line.items() if name != key})


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_shows_them(format_: str, pindrill: Pindrill) -> None:
    pindrill.json.write_text("".join(json.dumps(line) + "\n" for line in lines()))
    ran = pindrill.call("report", str(pindrill.json), "--format", format_)
    assert ran.code == 0, ran.err
    assert ran.out


def test_two_runs_of_them_are_compared(pindrill: Pindrill) -> None:
    pindrill.json.write_text("".join(json.dumps(line) + "\n" for line in lines()))
    ran = pindrill.call("compare", str(pindrill.json), str(pindrill.json))
    assert ran.code in (0, 3), ran.err


def test_a_resumed_line_is_held_to_the_same(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--tls", "1.3", only=("BL1",))
    [whole] = ran.results
    cut = {name: value for name, value in whole.items() if name != "client_version"}
    pindrill.json.write_text(json.dumps(cut) + "\n" + json.dumps(whole) + "\n")
    junit = str(pindrill.directory / "junit.xml")
    again = pindrill.drill(CURL, "--tls", "1.3", "--resume", "--junit", junit, only=("BL1",))
    assert again.code == 2
    assert "results.jsonl:1: this line is no result" in again.err
    assert "client_version" in again.err

"""Makes the schema of a result line from its types; `ci/generate.py` writes it.

What an attribute's docstring says is its description. The part of an observation follows the tables of facts.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from msgspec import inspect as types
from pindrill.judge import Control
from pindrill.model import ClientReport, Expect, Observation, Stray
from pindrill.results.line import ResultLine, RunResult, ServedCertificate, StageResult, ToldObservation

Schema = dict[str, Any]

TITLE = "pindrill result, version 1"
FACTS: Mapping[str, Schema] = {
    "nanoseconds": {
        "type": "integer",
        "minimum": 0,
        "description": "Nanoseconds of the harness's monotonic clock; 0: it never happened.",
    },
    "code_points": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535}},
}
"""What the facts of an observation are."""


@dataclass(frozen=True)
class _Name:
    """Where a type is defined of its own."""

    name: str
    title: str = ""


_NAMES: Mapping[type, _Name] = {
    Expect: _Name("expect"),
    Control: _Name("control"),
    StageResult: _Name("stage", "Stage"),
    ServedCertificate: _Name("certificate", "Certificate presented"),
    RunResult: _Name("run", "Run"),
    ClientReport: _Name("report", "The client's side of an attempt"),
    ToldObservation: _Name("told_observation"),
    Observation: _Name("observation"),
}
_FURTHER: Mapping[tuple[type, str], Schema] = {
    (ResultLine, "supersedes"): {"const": True},
    (ClientReport, "ending_at"): {"$ref": "#/$defs/nanoseconds"},
    (ClientReport, "duration_s"): {"type": "number", "minimum": 0},
    (Stray, "where"): {"type": "string", "minLength": 1},
}
"""What the types do not say."""
_DESCRIPTIONS: Mapping[type, str] = {Control: "absent: there is no such twin, or it was not needed."}


def result_schema(observation: Schema) -> Schema:
    definitions: dict[str, Schema] = {"observation": observation}
    whole = _inline(types.type_info(ResultLine), definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE}
    return {**head, **whole, "$defs": {**definitions, **FACTS}}


def _structure(of: types.StructType | types.DataclassType, definitions: dict[str, Schema]) -> Schema:
    told = _docstrings(of.cls)
    mine = [field for field in of.fields if of.cls is not ToldObservation or field.name in told]
    properties = {
        field.name: {
            **(_FURTHER.get((of.cls, field.name)) or _part(field.type, definitions)),
            **_described(told.get(field.name, "")),
        }
        for field in mine
    }
    return {
        **_described(told.get("", "")),
        **({"allOf": [{"$ref": "#/$defs/observation"}]} if of.cls is ToldObservation else {"type": "object"}),
        "required": [field.name for field in mine if _is_required(of.cls, field)],
        "properties": properties,
    }


def _is_required(of: type, field: types.Field) -> bool:
    """What has a default was added later; a report is told with all that it has."""
    return of is ClientReport or field.required


def _part(of: types.Type, definitions: dict[str, Schema]) -> Schema:
    name = _NAMES.get(getattr(of, "cls", type(None)))
    if name is None:
        return _inline(of, definitions)
    if name.name not in definitions:
        definitions[name.name] = {}  # its place, before those of its parts
        title = {"title": name.title} if name.title else {}
        definitions[name.name] = {**title, **_inline(of, definitions)}
    return {"$ref": f"#/$defs/{name.name}"}


def _inline(of: types.Type, definitions: dict[str, Schema]) -> Schema:
    match of:
        case types.StructType() | types.DataclassType():
            return _structure(of, definitions)
        case types.UnionType():
            return _either(of, definitions)
        case types.EnumType():
            return {"enum": [each.value for each in of.cls], **_described(_DESCRIPTIONS.get(of.cls, ""))}
        case types.LiteralType(values):
            return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}
        case types.VarTupleType():
            return {"type": "array", "items": _part(of.item_type, definitions), **_limits(minItems=of.min_length)}
        case types.StrType():
            return {"type": "string", **_limits(minLength=of.min_length, pattern=of.pattern)}
        case types.IntType():
            return {"type": "integer", **_limits(minimum=of.ge)}
        case types.FloatType():
            return {"type": "number", **_limits(minimum=of.ge)}
        case types.BoolType():
            return {"type": "boolean"}
        case _:
            raise TypeError(f"no schema is known for {of}")


def _either(of: types.UnionType, definitions: dict[str, Schema]) -> Schema:
    """A value, or null."""
    parts = [each for each in of.types if not isinstance(each, types.NoneType)]
    if len(parts) != 1:
        raise TypeError(f"no schema is known for {of}")
    part = _inline(parts[0], definitions)
    return {**part, "type": [part["type"], "null"]}


def _described(text: str) -> Schema:
    return {"description": text} if text else {}


def _limits(**limits: Any) -> Schema:
    return {name: value for name, value in limits.items() if value is not None}


def _docstrings(of: type) -> dict[str, str]:
    """Of its attributes, by name; its own has no name."""
    [definition] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(of))).body
    assert isinstance(definition, ast.ClassDef)
    found = {"": ast.get_docstring(definition) or ""}
    for attribute, after in pairwise(definition.body):
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            said = after.value if isinstance(after, ast.Expr) else None
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                found[attribute.target.id] = said.value
    return {name: " ".join(text.split()) for name, text in found.items()}

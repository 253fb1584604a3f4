"""Writes what follows the tables of facts (harness/include/pindrill/observation.h) and the type of a result line
(pindrill.results.line): the Python types of a connection's facts, and the schema of results.

After a change of either: build and install (`pip install -e .`), then `.venv/bin/python ci/generate.py`. With
`--check` nothing is written; exit code 1: something is not current.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from line_schema import result_schema
from pindrill import _core

ROOT = Path(__file__).parents[1]
TYPES = ROOT / "pybind" / "pindrill" / "model" / "observation.py"
SCHEMA = ROOT / "reports" / "schemas" / "result.schema.json"
WIDTH = 120
Row = dict[str, Any]
"""Of a table: name, type, meaning and mark of a fact."""

ABOUT = {
    "Alert": "A TLS alert, sent or received.",
    "ClientHello": "What the client offered (RFC 8446 section 4.1.2).",
    "Observation": "The facts about one connection.",
}
PYTHON = {
    "bool": "bool",
    "octet": "int",
    "count": "int",
    "nanoseconds": "int",
    "text": "str",
    "texts": "tuple[str, ...]",
    "code points": "tuple[int, ...]",
    "ClientHello": "ClientHello | None",
    "Alerts": "tuple[Alert, ...]",
}
READ = {
    "texts": "tuple({})",
    "code points": "tuple({})",
    "ClientHello": "{0} and ClientHello.from_dict({0})",
    "Alerts": "tuple(map(Alert.from_dict, {}))",
}
"""What makes a value of plain JSON one of the type, where it is not the same."""
WRITTEN = {"ClientHello": "{0} and {0}.to_dict()", "Alerts": "[each.to_dict() for each in {}]"}
QUIET = {"bool": "False", "count": "0", "nanoseconds": "0", "text": '""', "texts": "()", "code points": "()"}
"""What a fact is that a version did not watch for."""
NULL = "null: "
SCHEMAS: dict[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "octet": {"type": "integer", "minimum": 0, "maximum": 255},
    "count": {"type": "integer", "minimum": 0},
    "nanoseconds": {"$ref": "#/$defs/nanoseconds"},
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "code points": {"$ref": "#/$defs/code_points"},
}

HEAD = '''"""The facts of a connection; times in nanoseconds of the monotonic clock, 0 = never happened.

Written by `ci/generate.py` after the tables of harness/include/pindrill/observation.h. Whoever watches a connection
tells every fact: there are no defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from pindrill.model.shapes import told_request_line


def _whole(kind: type[Any], facts: dict[str, Any]) -> dict[str, Any]:
    """All facts, by name: what a producer left out would pass for what never happened."""
    missing = [each.name for each in fields(kind) if each.name not in facts]
    if missing:
        raise TypeError(f"an observation without the facts {', '.join(missing)}: whoever saw it has to tell them")
    return facts
'''


# --- Python ----------------------------------------------------------------------------------------------------------


def python_module(tables: dict[str, list[Row]]) -> str:
    return HEAD + "".join(_class(name, rows) for name, rows in tables.items())


def _class(name: str, rows: list[Row]) -> str:
    parts = [f'\n\n@dataclass(frozen=True, kw_only=True)\nclass {name}:\n    """{ABOUT[name]}"""\n']
    parts += [f"\n{each}" for each in map(_field, rows)]
    later = [f'"{row["name"]}": {QUIET[row["type"]]}' for row in rows if row["mark"] == "later"]
    if later:
        entries = "".join(f"        {each},\n" for each in later)
        parts.append("\n    LATER: ClassVar[dict[str, Any]] = {\n" + entries + "    }\n")
        parts.append('    """What earlier versions did not watch for."""\n')
    parts.append(f"\n    @classmethod\n    def from_dict(cls, facts: dict[str, Any]) -> {name}:\n")
    parts.append(_from_dict([(row["name"], read) for row in rows if (read := _read(row))]))
    parts.append('\n    def to_dict(self) -> dict[str, Any]:\n        """Plain values, as `from_dict` takes them."""\n')
    parts.append(_to_dict([(row["name"], form) for row in rows if (form := WRITTEN.get(str(row["type"])))]))
    return "".join(parts)


def _field(row: Row) -> str:
    return f"    {row['name']}: {_type(row)}\n" + _docstring(row["meaning"].replace(NULL, "None: "))


def _type(row: Row) -> str:
    if isinstance(row["type"], list):
        return f"Literal[{', '.join(json.dumps(word) for word in row['type'])}]"
    return PYTHON[row["type"]] + (" | None" if row["mark"] == "unknowable" else "")


def _docstring(text: str) -> str:
    lines = textwrap.wrap(f'"""{text}"""', WIDTH - 4, break_on_hyphens=False)
    return "".join(f"    {line}\n" for line in lines)


def _read(row: Row) -> str:
    value = f'facts["{row["name"]}"]'
    if row["mark"] == "told in part":
        return f"told_request_line({value})"
    return READ.get(str(row["type"]), "").format(value)


def _from_dict(read: list[tuple[str, str]]) -> str:
    if not read:
        return "        return cls(**_whole(cls, facts))\n"
    entries = ["**_whole(cls, facts)", *(f'"{name}": {value}' for name, value in read)]
    inner = "".join(f"                {each},\n" for each in entries)
    return "        return cls(\n            **{\n" + inner + "            }\n        )\n"


def _to_dict(written: list[tuple[str, str]]) -> str:
    if not written:
        return "        return {**vars(self)}\n"
    entries = ["**vars(self)", *(f'"{name}": {form.format(f"self.{name}")}' for name, form in written)]
    return "        return {\n" + "".join(f"            {each},\n" for each in entries) + "        }\n"


# --- the schema --------------------------------------------------------------------------------------------------


def schema(tables: dict[str, list[Row]]) -> str:
    return _laid_out(result_schema(_record("Observation", tables)), 0) + "\n"


def _record(name: str, tables: dict[str, list[Row]]) -> dict[str, Any]:
    rows = tables[name]
    return {
        "title": name,
        "description": ABOUT[name],
        "type": "object",
        "required": [row["name"] for row in rows if row["mark"] != "later"],
        "properties": {row["name"]: _property(row, tables) for row in rows},
    }


def _property(row: Row, tables: dict[str, list[Row]]) -> dict[str, Any]:
    kind, meaning = row["type"], {"description": row["meaning"]}
    if isinstance(kind, list):
        return {"enum": kind, **meaning}
    if kind == "ClientHello":
        return {**_record("ClientHello", tables), "type": ["object", "null"], **meaning}
    if kind == "Alerts":
        return {"type": "array", **meaning, "items": _record("Alert", tables)}
    found = SCHEMAS[kind]
    return {**found, **({"type": [found["type"], "null"]} if row["mark"] == "unknowable" else {}), **meaning}


def _laid_out(value: Any, indent: int) -> str:
    """As the schemas are written by hand: an object of plain values stands in one line."""
    if not isinstance(value, dict) or not any(map(_is_deep, value.items())):
        return json.dumps(value, ensure_ascii=False)
    space = " " * (indent + 2)
    lines = [f"{space}{json.dumps(name)}: {_laid_out(each, indent + 2)}" for name, each in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def _is_deep(entry: tuple[str, Any]) -> bool:
    name, value = entry
    return isinstance(value, dict) and (name != "items" or "properties" in value)


def main() -> int:
    tables = _core.facts()
    made = {TYPES: python_module(tables), SCHEMA: schema(tables)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in sys.argv[1:]:
            print(f"{path}: not current: .venv/bin/python ci/generate.py")
        else:
            path.write_text(made[path])
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

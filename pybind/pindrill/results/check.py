"""Whether a line is what the published schema says: lines come from other machines and other versions."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import jsonschema_rs


def check_result(plain: object) -> None:
    """ValueError says what makes it no result line."""
    try:
        _validator().validate(plain)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(part) for part in error.instance_path) or "the whole of it"
        message = error.message if len(error.message) <= 200 else error.message[:200] + " …"
        raise ValueError(f"{place}: {message}") from error


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    text = files("pindrill.reports").joinpath("schemas", "result.schema.json").read_text()
    return jsonschema_rs.Draft202012Validator(json.loads(text))

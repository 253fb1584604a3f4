"""The vectors of pin files: short ones, written from the formats' public documentation."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pindrill.pinfiles import DeclaredPin, Expiry, LintFinding, PinRule, read_all
from pindrill.pinfiles.formats import FORMAT
from pindrill.pinfiles.lint import lint

VECTORS = Path(__file__).parents[2] / "fixtures" / "vectors" / "pinfiles"
LINT = VECTORS / "lint"
MALFORMED = VECTORS / "malformed"
APK = VECTORS / "apk"
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The vectors' today."""
_ANSWERS = "expected.json"
"""Beside a format's vectors: the rules of each, pins by their number."""
PLAIN = sorted(path for name in FORMAT for path in (VECTORS / name).glob("*") if path.name != _ANSWERS)
"""Good files of every format."""


def digest(number: int) -> bytes:
    """That of the vectors' pin of this number."""
    return hashlib.sha256(f"pindrill vector pin {number}".encode()).digest()


def text(number: int) -> str:
    return base64.b64encode(digest(number)).decode()


def lint_file(path: Path) -> list[LintFinding]:
    return lint(read_all(path), AT)


def finding_rules(path: Path) -> set[str]:
    return {finding.rule for finding in lint_file(path)}


def pins(numbers: Sequence[int]) -> tuple[DeclaredPin, ...]:
    return tuple(DeclaredPin(text="", digest=digest(number)) for number in numbers)


def _rule(told: Mapping[str, Any]) -> PinRule:
    traits = dict(told)
    for key in ("pins", "ca_pins"):
        traits[key] = pins(traits.get(key, ()))
    if "expires" in traits:
        traits["expires"] = Expiry(day=date.fromisoformat(traits["expires"]["day"]), zone=traits["expires"]["zone"])
    return PinRule(**{**traits, "report_uris": tuple(traits.get("report_uris", ()))})


def _answers(folder: Path) -> dict[str, Any]:
    return {
        f"{path.parent.name}/{name}": told
        for path in sorted(folder.glob(f"*/{_ANSWERS}"))
        for name, told in json.loads(path.read_text()).items()
    }


EXPECTED: Mapping[str, list[PinRule]] = {
    name: [_rule(each) for each in told] for name, told in _answers(VECTORS).items()
}
"""The rules of each good file, as the documentation of its format promises them."""


def expected_messages() -> Mapping[str, str]:
    """What is said of each malformed file."""
    return _answers(MALFORMED)

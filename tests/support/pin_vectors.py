"""The vectors of pin files: short ones, written from the formats' public documentation."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pindrill.pinfiles import LintFinding, read_all
from pindrill.pinfiles.lint import lint

VECTORS = Path(__file__).parents[2] / "fixtures" / "vectors" / "pinfiles"
LINT = VECTORS / "lint"
MALFORMED = VECTORS / "malformed"
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The vectors' today."""


def digest(number: int) -> bytes:
    """That of the vectors' pin of this number."""
    return hashlib.sha256(f"pindrill vector pin {number}".encode()).digest()


def text(number: int) -> str:
    return base64.b64encode(digest(number)).decode()


def lint_file(path: Path) -> list[LintFinding]:
    return lint(read_all(path), AT)


def finding_rules(path: Path) -> set[str]:
    return {finding.rule for finding in lint_file(path)}

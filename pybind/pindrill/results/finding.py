"""A lint finding as a line of a results file: `pindrill pins lint --json` and a gate write them."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from pindrill.results.line import Count, NonEmpty


class FindingLine(Struct, frozen=True, kw_only=True):
    file: NonEmpty
    line: Count | None
    rule: NonEmpty
    severity: Literal["error", "warning", "info"]
    message: str
    effect: str = ""
    fix: str = ""
    owasp: tuple[str, ...] = ()


def finding_of(plain: object) -> FindingLine:
    """ValueError says what makes it none."""
    try:
        return msgspec.convert(plain, FindingLine)
    except msgspec.ValidationError as error:
        message, at, place = str(error).rpartition(" - at `$.")
        raise ValueError(f"{place.rstrip('`')}: {message}" if at else str(error)) from error

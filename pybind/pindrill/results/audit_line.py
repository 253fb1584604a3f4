"""The result line of an audit: the verdict on one destination of one app (reports/schemas/audit.schema.json).

The words of its fields are those of `pindrill.audits`, as plain text: a line may come from another version.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from pindrill.results.line import Count, NonEmpty

AUDIT_VERSION = 1


class ReadableName(Struct, frozen=True, kw_only=True):
    """Something of the client's that could be read, without its value."""

    kind: str
    name: str
    length: Count


class ConditionResult(Struct, frozen=True, kw_only=True):
    """What the connections did that were shown one condition; None: nothing was shown."""

    condition: str | None
    connections: Count
    read: Count
    refused: Count
    silent: Count
    other: Count
    stories: tuple[str, ...]


class AuditLine(Struct, frozen=True, kw_only=True):
    version: int
    pindrill: NonEmpty
    app: str
    mode: str
    destination: str
    verdict: NonEmpty
    reason: NonEmpty
    stack: str
    readable: tuple[ReadableName, ...]
    conditions: tuple[ConditionResult, ...]
    repeat: str


def audit_line_of(plain: object) -> AuditLine:
    """Of plain values. ValueError says what makes them none."""
    missing = [name for name in AuditLine.__struct_fields__ if not isinstance(plain, dict) or name not in plain]
    if missing:
        raise ValueError(f"no result of an audit: {missing[0]!r} is missing; give a file of `audit --json`")
    try:
        line = msgspec.convert(plain, AuditLine)
    except msgspec.ValidationError as error:
        raise ValueError(f"no result of an audit: {error}") from error
    if line.version != AUDIT_VERSION:
        raise ValueError(f"result version {line.version!r}, this pindrill reads {AUDIT_VERSION}")
    return line

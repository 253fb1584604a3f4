"""The result line of a destination: plain values, as the published schema says."""

from __future__ import annotations

from typing import Any

from pindrill import _core
from pindrill.audits.verdict import AuditVerdict

VERSION = 1


def audit_line(verdict: AuditVerdict, *, app: str, mode: str, repeat: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "pindrill": _core.version,
        "app": app,
        "mode": mode,
        "destination": str(verdict.destination),
        "verdict": verdict.word.value,
        "reason": verdict.reason,
        "stack": verdict.stack,
        "readable": [{"kind": each.kind.value, "name": each.name, "length": each.length} for each in verdict.readable],
        "conditions": [
            {
                "condition": each.condition.value if each.condition else None,
                "connections": each.connections,
                "read": each.read,
                "refused": each.refused,
                "silent": each.silent,
                "other": each.other,
                "stories": list(each.stories),
            }
            for each in verdict.conditions
        ],
        "repeat": repeat,
    }

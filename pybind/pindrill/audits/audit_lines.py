"""Makes the result line of a destination from its verdict."""

from __future__ import annotations

from pindrill import _core
from pindrill.audits.verdict import AuditVerdict
from pindrill.results.audit_line import AUDIT_VERSION, AuditLine, ConditionResult, ReadableName


def audit_line(verdict: AuditVerdict, *, app: str, mode: str, repeat: str) -> AuditLine:
    return AuditLine(
        version=AUDIT_VERSION,
        pindrill=_core.version,
        app=app,
        mode=mode,
        destination=str(verdict.destination),
        verdict=verdict.word.value,
        reason=verdict.reason,
        stack=verdict.stack,
        readable=tuple(
            ReadableName(kind=each.kind.value, name=each.name, length=each.length) for each in verdict.readable
        ),
        conditions=tuple(
            ConditionResult(
                condition=each.condition.value if each.condition else None,
                connections=each.connections,
                read=each.read,
                refused=each.refused,
                silent=each.silent,
                other=each.other,
                stories=each.stories,
            )
            for each in verdict.conditions
        ),
        repeat=repeat,
    )

"""Result lines of audits, made up."""

from __future__ import annotations

from typing import Any

from pindrill.results.audit_line import AuditLine, audit_line_of


def line(destination: str = "app.pin.test:443", verdict: str = "pinned", **values: Any) -> AuditLine:
    return audit_line_of(told_line(destination, verdict, **values))


def told_line(destination: str = "app.pin.test:443", verdict: str = "pinned", **values: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "pindrill": "1",
        "app": "shop",
        "mode": "proxy",
        "destination": destination,
        "verdict": verdict,
        "reason": f"because it is {verdict}",
        "stack": "t13d",
        "readable": [],
        "conditions": [],
        "repeat": "pindrill audit",
        **values,
    }

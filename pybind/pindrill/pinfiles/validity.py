"""When the certificates of a text are valid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pindrill.pinfiles.chains import certificates


def validity_of(pem: str, at: datetime) -> dict[str, dict[str, Any]]:
    """By subject; a note where a certificate is not valid then."""
    found = {}
    for certificate in certificates(pem) if "-----BEGIN CERTIFICATE-----" in pem else ():
        start, end = (_utc(certificate.not_before), _utc(certificate.not_after))
        line: dict[str, Any] = {"not_before": start.isoformat(), "not_after": end.isoformat()}
        if not start <= at <= end:
            line["note"] = f"not valid at {at:%Y-%m-%d}: from {start:%Y-%m-%d} to {end:%Y-%m-%d}"
        found[certificate.subject] = line
    return found


def _utc(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

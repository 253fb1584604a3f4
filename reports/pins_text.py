"""Pins in every notation, and findings of pin files, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from pindrill.reports.plain import told

_SEVERITIES = ("error", "warning", "info")


class Told(Protocol):
    """A finding in a pin file."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def rule(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def effect(self) -> str: ...
    @property
    def fix(self) -> str: ...


def finding_lines(finding: Told) -> Iterator[str]:
    """What a pin file says must steer neither the terminal nor a CI."""
    yield told(f"{finding.file}:{finding.line}: {finding.severity}: {finding.message} [{finding.rule}]")
    yield told(f"  effect: {finding.effect}")
    yield told(f"  fix: {finding.fix}")


def counted_findings(found: Sequence[Told], files: int) -> str:
    counts = {severity: sum(finding.severity == severity for finding in found) for severity in _SEVERITIES}
    counted = ", ".join(f"{count} {severity}{'s' if count != 1 else ''}" for severity, count in counts.items() if count)
    return counted or f"nothing found in {files} file{'s' if files != 1 else ''}"


def difference_lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of what two pin files pin differently."""
    for line in found:
        yield told(line["domain"] or "every host")
        yield from (told(f"  - {pin}") for pin in line["only_first"])
        yield from (told(f"  + {pin}") for pin in line["only_second"])
        yield from (told(f"  {change}") for change in line["changes"])
    if not found:
        yield "no difference"


def notations(pin: Any) -> dict[str, str]:
    """By who writes it so."""
    found = {"hex": pin.hex, "colon hex": pin.colon_hex}
    if pin.of != "spki":
        return found
    return {
        "OkHttp": f"sha256/{pin.base64}",
        "curl, wget, git": f"sha256//{pin.base64}",
        "HPKP": f'pin-sha256="{pin.base64}"',
        "NSC, ATS, TrustKit": pin.base64,
        "DANE": f"3 1 1 {pin.hex}",
        **found,
    }


def pin_lines(pin: Any) -> Iterator[str]:
    yield f"  {'key (SPKI)' if pin.of == 'spki' else 'certificate'}"
    yield from (f"    {who:23} {text}" for who, text in notations(pin).items())

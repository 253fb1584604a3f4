"""What a command needs that goes through mitmproxy where that is asked for."""

from __future__ import annotations

from pathlib import Path

from pindrill.mitm.told import EventLog
from pindrill.model import UsageError
from pindrill.reports.plain import told as shown


def read_via(via: str | None, mitmdump: Path | None) -> bool:
    """Whether it goes through mitmproxy, not our own servers."""
    if via not in (None, "mitmproxy"):
        raise UsageError(f"--via is mitmproxy, or left out for pindrill's own interceptor; not '{via}'")
    if mitmdump and not via:
        raise UsageError("--mitmdump needs --via mitmproxy")
    return via is not None


def print_misled(told: EventLog | None) -> None:
    for line in told.lines() if told else []:
        print(shown(line))

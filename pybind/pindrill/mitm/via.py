"""What a command needs that goes through mitmproxy where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pindrill.mitm.install import Mitmdump, found
from pindrill.mitm.told import EventLog
from pindrill.model import UsageError
from pindrill.reports.plain import harmless
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


def found_lines() -> Iterator[str]:
    """The mitmdumps of this machine; the first that works is used."""
    answers = found()
    for answer in answers:
        if isinstance(answer, Mitmdump):
            yield f"ok  mitmproxy {answer.version}: {answer.path}"
        else:
            yield harmless(f"--  {answer}")
    if not answers:
        yield "--  mitmdump: not here; `pindrill mitm install` makes an environment with one"

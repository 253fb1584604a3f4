"""The pins of a client that cannot be told any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pindrill.drills.subjects import Subject
from pindrill.model import UsageError
from pindrill.pinfiles import PinFile, read_all


def compiled_in_of(subject: Subject, pinned: Path | None, edit_hosts: bool) -> Sequence[PinFile]:
    if subject.tells_pins:
        if pinned:
            raise UsageError("--pinned is for pins that are compiled in, but the client command has a pin placeholder")
        return ()
    if not pinned:
        raise UsageError(
            "the client's command has no pin placeholder, so it cannot be told the pins of each file; "
            "name the pin file that is compiled into it: --pinned FILE"
        )
    if edit_hosts:
        raise UsageError("--edit-hosts would send every program of this machine here that contacts the plan's host")
    return read_all(pinned)

"""The last resort against an attempt whose shepherd was killed or stopped: finds what is left of it, and ends it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PATIENCE_S = 2.0
_BETWEEN_S = 0.02
_LOOKS = 2
"""A program of another attempt that is just being started holds our pipes for a moment: it is spared."""


def end_everything(leader: int | None, pipes: Iterable[int], mark: str) -> None:
    """Ends the process `leader` and what belongs to it: its session, descendants, and whoever holds one of `pipes`
    (our ends of them) or has `mark` in its environment (NAME=VALUE), with theirs. `leader`: None once it was waited
    for, as its number may be another's then.

    A process that has got rid of all of these is not found. At most `_PATIENCE_S`.
    """
    names = {os.readlink(f"/proc/self/fd/{pipe}") for pipe in pipes}
    give_up = time.monotonic() + _PATIENCE_S
    held: dict[int, int] = {}
    quiet = 0
    while quiet < _LOOKS and time.monotonic() < give_up:
        table = _processes()
        holders = _holders(names, table)
        held = {pid: held.get(pid, 0) + 1 for pid in holders}
        first = {leader, *(pid for pid, (_, session) in table.items() if session == leader)} if leader else set()
        first |= {pid for pid, looks in held.items() if looks >= _LOOKS}
        first |= {pid for pid in table if _has_mark(pid, mark.encode())}
        found = [pid for pid in _with_descendants(first, table) if pid != os.getpid()]
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        # The leader stays a zombie until it is waited for.
        quiet = quiet + 1 if not holders and all(_is_dead(pid) for pid in found) else 0
        time.sleep(_BETWEEN_S)


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and session of each."""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError, ValueError, IndexError):
            fields = _stat(int(name))
            table[int(name)] = (int(fields[1]), int(fields[3]))
    return table


def _stat(pid: int) -> list[str]:
    """State, parent, process group, session …: what follows the name, which may hold anything (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()


def _is_dead(pid: int) -> bool:
    try:
        return _stat(pid)[0] in "ZX"
    except (OSError, IndexError):
        return True


def _holders(names: set[str], table: Iterable[int]) -> set[int]:
    return {pid for pid in table if pid != os.getpid() and not names.isdisjoint(_open_files(pid))}


def _open_files(pid: int) -> list[str]:
    files = []
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                files.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return files


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _with_descendants(first: set[int], table: dict[int, tuple[int, int]]) -> set[int]:
    found = set(first)
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return found

"""Short commands, ours and the user's, that are no client: bounded in time and in what is kept of their output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pindrill.clients.output import KeptOutput
from pindrill.interruption import Started

_AFTER_S = 0.5
"""For output that is still on its way; what a command leaves running may hold its pipes open for ever."""


class TookTooLong(Exception):
    """It was ended, with its process group."""


@dataclass(frozen=True)
class BriefRun:
    code: int
    """Negative: ended by that signal."""
    stdout: str
    stderr: str


def run_briefly(command: Sequence[str] | str, *, patience_s: float) -> BriefRun:
    """`command`: words, or a line of shell. Waits for the command itself, not for what it leaves running.

    OSError: it cannot be started. TookTooLong.
    """
    with Started() as started:
        process = started.start(lambda: _popen(command), _let_go)
        assert process.stdout
        assert process.stderr
        kept = {process.stdout.fileno(): KeptOutput(), process.stderr.fileno(): KeptOutput()}
        with selectors.DefaultSelector() as selector:
            for descriptor in kept:
                selector.register(descriptor, selectors.EVENT_READ)
            ended = _read(process, selector, kept, time.monotonic() + patience_s)
    if not ended:
        raise TookTooLong
    stdout, stderr = (each.data().decode("utf-8", "replace") for each in kept.values())
    return BriefRun(process.returncode, stdout, stderr)


def _popen(command: Sequence[str] | str) -> subprocess.Popen[bytes]:
    """In a session of its own: the terminal's Ctrl-C is for us, and not for a hook that puts things back."""
    return subprocess.Popen(
        command,
        shell=isinstance(command, str),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """What a command that has ended left running on purpose is let be."""
    if process.poll() is None:
        _end_group(process)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _read(
    process: subprocess.Popen[bytes], selector: selectors.BaseSelector, kept: dict[int, KeptOutput], give_up: float
) -> bool:
    """Did it end in time?"""
    ended_at = None
    while selector.get_map():
        now = time.monotonic()
        if ended_at is None and process.poll() is not None:
            ended_at = now
        if ended_at is not None and now >= ended_at + _AFTER_S:
            return True
        if ended_at is None and now >= give_up:
            return False
        for key, _ in selector.select(0.05):
            chunk = os.read(key.fd, 65536)
            if not chunk:
                selector.unregister(key.fd)
            kept[key.fd].take(chunk)
    if ended_at is None:
        try:
            process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_AFTER_S)

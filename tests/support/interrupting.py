"""Ctrl-C at every step: before the n-th line, call and return of pindrill's own code, for all n."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pindrill
from pindrill import interruption

_PACKAGE = str(Path(pindrill.__file__).parent)
_GRACE_S = 20.0
_THOROUGH = "PINDRILL_EVERY_STEP" in os.environ
"""Else a part of the steps, where a step takes long."""


class Steps:
    """Raises the signal at step `at`; whether it is heard there, or held, is what is tested."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        self.seen += 1
        if self.seen == self.at:
            self.where = f"{frame.f_code.co_filename.removeprefix(_PACKAGE)}:{frame.f_lineno} ({event})"
            signal.raise_signal(signal.SIGINT)
        return self


def interrupted_at_every_step(
    act: Callable[[], object],
    *,
    every: int = 1,
    takes_it: bool = False,
    check: Callable[[], object] = lambda: None,
) -> int:
    """How many steps there were. After each interruption nothing may be left: no thread, child, descriptor, directory.

    `act` starts and stops. `takes_it`: it may end quietly by an interruption. `check` asserts more.
    """
    gc.collect()
    act()  # what is loaded or cached once is no remainder
    before = _state()
    at = 1
    while True:
        steps = Steps(at)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        heard = _interrupted(act, steps)
        interruption.stop_all()  # as the program does at its end
        left = _left(before)
        assert left == [], f"{left}: left by an interruption before step {at}, {steps.where}"
        assert signal.getsignal(signal.SIGINT) in (signal.default_int_handler, interruption._note)
        check()
        if steps.seen < at:
            assert not heard
            return at - 1
        assert heard or takes_it, f"the interruption before step {at}, {steps.where}, was lost"
        at += 1 if _THOROUGH else every


def _interrupted(act: Callable[[], object], steps: Steps) -> bool:
    sys.settrace(steps)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
        with interruption.held():  # puts the handlers back, should it have come as they were exchanged
            pass
    return False


State = tuple[set[str], ...]


def _state() -> State:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return (
        {str(each) for each in threading.enumerate()},
        set(children),
        _descriptors(),
        set(os.listdir(tempfile.gettempdir())),
    )


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue  # that of the listing itself
    return found


def _left(before: State) -> list[str]:
    """Threads and children that are about to end are waited for."""
    end, collect_after = time.monotonic() + _GRACE_S, time.monotonic() + 0.1
    while True:
        left = [each for now, then in zip(_state(), before, strict=True) for each in now - then]
        if left and time.monotonic() > collect_after:
            gc.collect()
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.002)

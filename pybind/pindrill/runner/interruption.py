"""Ctrl-C, and what else ends a run from outside: once, and not the clean-up that follows."""

from __future__ import annotations

import atexit
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 2.0
"""What a clean-up may take; so long an impatient second Ctrl-C, which would leave clients running, is not heard."""


def interrupt_on_signals() -> None:
    """For the main thread: from now on they raise KeyboardInterrupt."""
    last: list[float] = []

    def interrupt(*_: object) -> None:
        now = time.monotonic()
        if last and now - last[-1] < PATIENCE_S:
            return
        last.append(now)
        raise KeyboardInterrupt

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, interrupt)
            # Python's own end would put the default back, which ends the program by the signal.
            atexit.register(signal.signal, number, signal.SIG_IGN)


@contextmanager
def held() -> Iterator[None]:
    """They come at the end, or when the program that is executed in here calls `release`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def release() -> None:
    """What was held for this program comes now, if anything did."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

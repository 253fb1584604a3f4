"""Ctrl-C during the clean-up, which it must not cut short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """For what takes a moment and ends processes or threads: an impatient second Ctrl-C would leave them running."""
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():  # nobody else may, or is interrupted
            for number in _ENDING:
                if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                    # A handler of ours, as what is started in here would go on ignoring what is ignored.
                    signal.signal(number, lambda *_: None)
                    stack.callback(signal.signal, number, handler)
        yield

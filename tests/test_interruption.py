"""What ends processes is not cut short by an impatient Ctrl-C; everything else is."""

from __future__ import annotations

import signal
import threading

import pytest
from pindrill.runner.interruption import uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_up_goes_on(number: signal.Signals) -> None:
    got: list[int] = []
    before = signal.signal(number, lambda number, _: got.append(number))
    try:
        with uninterrupted():
            signal.raise_signal(number)
        assert got == []
        signal.raise_signal(number)
        assert got == [number]
    finally:
        signal.signal(number, before)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with uninterrupted():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_on_a_thread_nothing_is_changed() -> None:
    handlers: list[object] = []

    def work() -> None:
        with uninterrupted():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)]

"""What ends a run from outside is heard once, is not lost while a program is executed, and respects nohup."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pindrill import interruption
from pindrill.machine.directories import run_directory

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Whoever runs the tests in the background ignores SIGINT."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_second_one_is_heard_only_when_the_clean_up_takes_too_long(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(interruption, "PATIENCE_S", 60)
    interruption.interrupt_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    for again in ENDING:
        signal.raise_signal(again)
    monkeypatch.setattr(interruption, "PATIENCE_S", 0.001)
    time.sleep(0.01)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruption.interrupt_on_signals()
    signal.raise_signal(signal.SIGHUP)


def test_one_that_is_held_comes_when_the_executed_program_is_ready() -> None:
    inner = (
        "from pindrill.interruption import interrupt_on_signals, release\n"
        "interrupt_on_signals()\ntry: release()\nexcept KeyboardInterrupt: print('heard')"
    )
    outer = (
        "import os, signal, sys\nfrom pindrill.interruption import held_over_execution\n"
        "with held_over_execution():\n signal.raise_signal(signal.SIGTERM)\n os.execv(sys.executable, sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", outer, sys.executable, "-c", inner], capture_output=True, text=True, check=True
    )
    assert done.stdout == "heard\n"


def test_one_that_is_held_is_not_lost_without_a_program() -> None:
    reached: list[str] = []
    interruption.interrupt_on_signals()
    with pytest.raises(KeyboardInterrupt):
        hold_one(reached)
    assert reached == ["in there"]


def hold_one(reached: list[str]) -> None:
    with interruption.held():
        signal.raise_signal(signal.SIGINT)
        reached.append("in there")
    reached.append("after it")


def test_a_run_that_is_interrupted_as_its_directory_is_made_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(prefix: str) -> str:
        made = mkdtemp(prefix=prefix, dir=tmp_path)
        signal.raise_signal(signal.SIGINT)
        return made

    mkdtemp = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    interruption.interrupt_on_signals()
    with pytest.raises(KeyboardInterrupt), interruption.Started() as started:
        run_directory(started)
    assert not list(tmp_path.iterdir())

"""Whatever the machine refuses us, no exit code says that something was violated, and no client is judged by it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.cli import CURL, PROGRAM, Pindrill
from support.failing_calls import CALLS, Fault, Faults, build, spread

PLACES = 4
"""Of each call; tests/attack/failing_calls.py tries all of them."""
DRILL = ("drill", "--tls", "1.3", "--only", "BL3", "--deadline", "5", "--json", "results.jsonl", "--", *CURL)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("preload"))


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_in_a_drill_is_no_violation(pindrill: Pindrill, library: Path, call: str) -> None:
    assert _troubles(pindrill, library, call, DRILL) == []


@pytest.mark.parametrize("call", ["open", "write", "read"])
def test_a_call_that_fails_in_a_report_is_no_violation(pindrill: Pindrill, library: Path, call: str) -> None:
    ran = pindrill.run(*DRILL)
    assert ran.code == 0
    kept = pindrill.directory / "kept.jsonl"
    pindrill.json.rename(kept)
    assert _troubles(pindrill, library, call, ("report", "kept.jsonl")) == []


def _troubles(pindrill: Pindrill, library: Path, call: str, arguments: Sequence[str]) -> list[str]:
    faults = Faults(pindrill, library)
    count = faults.count(call, arguments)
    return [
        trouble
        for number, at in enumerate(spread(count, PLACES))
        for trouble in faults.troubles(Fault(call, at, CALLS[call][number % len(CALLS[call])]), arguments)
    ]


@pytest.mark.parametrize("limit", [16, 32, 48, 64, 96, 128])
def test_too_few_descriptors_judge_nobody(pindrill: Pindrill, limit: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", str(PROGRAM), *DRILL, "--jobs", "64"],
        cwd=pindrill.directory,
        env=pindrill.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3), (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("scenarios",), ("scenarios", "--json"), ("show", "BL1")])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_gone(pindrill: Pindrill, arguments: Sequence[str], stream: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [str(PROGRAM), *arguments],
            env=pindrill.environment,
            stdout=gone if stream == "stdout" else subprocess.PIPE,
            stderr=gone if stream == "stderr" else subprocess.PIPE,
            check=False,
        )
    assert done.returncode == (3 if stream == "stdout" else 0)
    assert not done.stderr or b"Traceback" not in done.stderr


def test_all_standard_streams_may_be_closed(pindrill: Pindrill) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", str(PROGRAM), *DRILL],
        cwd=pindrill.directory,
        env=pindrill.environment,
        check=False,
    )
    assert done.returncode == 0

"""A drill that is interrupted, and drills at the same time: nothing is lost, nothing is left, nothing is mixed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pindrill import interruption
from support.cli import CURL, PATIENCE_S, Pindrill, processes_that_name, read_lines

LONG = ("--deadline", "900", "--jobs", "1", "--tls", "1.3")
"""A deadline that no test waits for."""


def hanging(pindrill: Pindrill, after: int) -> tuple[tuple[str, ...], Path]:
    """A client that is curl for some attempts, and hangs in the next: it writes to the pipe then."""
    pipe, count = pindrill.directory / "pipe", pindrill.directory / "count"
    os.mkfifo(pipe)
    count.touch()
    script = (
        f"#!/bin/sh\necho x >> {count}\n"
        f"if [ $(wc -l < {count}) -gt {after} ]; then echo hangs > {pipe}; exec sleep 1000; fi\n"
        'exec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n'
    )
    return (pindrill.script("app", script), "{ca_file}", "{pins_curl}", "{url}"), pipe


def interrupted(
    pindrill: Pindrill, arguments: list[str], pipe: Path, number: signal.Signals
) -> tuple[subprocess.Popen[str], str, str]:
    program = pindrill.start(*arguments)
    assert pipe.read_text() == "hangs\n"
    program.send_signal(number)
    try:
        out, err = program.communicate(timeout=60)
    finally:
        program.kill()
        program.communicate()
    return program, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_drill_prints_what_is_done_and_leaves_nothing(
    pindrill: Pindrill, number: signal.Signals
) -> None:
    client, pipe = hanging(pindrill, 2)
    arguments = pindrill.drill_arguments(client, *LONG, "--junit", "junit.xml", only=("BL1", "BL3", "CH3", "CH4"))
    program, out, err = interrupted(pindrill, arguments, pipe, number)
    assert program.returncode == 3
    assert "interrupted: the cells above are finished, the others were not run" in out
    assert "2 cells: 2 pass" in out
    assert "Traceback" not in err
    assert [line["code"] for line in read_lines(pindrill.json)] == ["BL1", "BL3"]
    assert 'tests="2"' in (pindrill.directory / "junit.xml").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_before_the_first_cell_is_not_judged_either(pindrill: Pindrill, number: signal.Signals) -> None:
    pipe = pindrill.directory / "pipe"
    os.mkfifo(pipe)
    (pindrill.directory / "client.toml").write_text(
        'name = "app"\ndriver = "command"\ncommand = ["true", "{url}"]\n'
        f'version = ["sh", "-c", "echo hangs > {pipe}; exec sleep 1000"]\n'
    )
    program, out, err = interrupted(pindrill, ["drill", "--client", "client.toml"], pipe, number)
    assert (program.returncode, out, err) == (3, "", "pindrill: interrupted\n")


@pytest.mark.parametrize("after_s", [0, 0.05, 0.1])
def test_an_interruption_while_it_starts_leaves_nothing(pindrill: Pindrill, after_s: float) -> None:
    """It starts twice, the second time where the names resolve; the directory of the run is there before that."""
    program = pindrill.start(*pindrill.drill_arguments(CURL))
    while not any(pindrill.tmp.iterdir()):
        time.sleep(0.001)
    time.sleep(after_s)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert (program.returncode, "Traceback" in err) == (3, False), err


def test_an_impatient_second_interruption_leaves_nothing_either(pindrill: Pindrill) -> None:
    client, pipe = hanging(pindrill, 2)
    program = pindrill.start(*pindrill.drill_arguments(client, *LONG, only=("BL1", "BL3", "CH3", "CH4")))
    assert pipe.read_text() == "hangs\n"
    impatient_until = time.monotonic() + interruption.PATIENCE_S / 2
    while program.poll() is None and time.monotonic() < impatient_until:  # also while Python itself ends
        program.send_signal(signal.SIGINT)
        time.sleep(0.002)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, "2 cells: 2 pass" in out, err) == (3, True, "Drilled app: 2 cells\n")


@pytest.mark.parametrize(("only", "after"), [(("BL1", "BL3", "IN1"), 2), (("RO7",), 1)])
def test_no_attempt_is_begun_after_the_interruption(pindrill: Pindrill, only: tuple[str, ...], after: int) -> None:
    """Neither of another cell, nor of the next stage."""
    client, pipe = hanging(pindrill, after)
    options = ("--deadline", "10", "--jobs", "1", "--tls", "1.3")
    interrupted(pindrill, pindrill.drill_arguments(client, *options, only=only), pipe, signal.SIGINT)
    assert len((pindrill.directory / "count").read_text().split()) == after + 1


def test_an_interrupted_drill_is_resumed(pindrill: Pindrill) -> None:
    client, pipe = hanging(pindrill, 2)
    arguments = pindrill.drill_arguments(client, *LONG, only=("BL1", "BL3", "CH3"))
    interrupted(pindrill, arguments, pipe, signal.SIGINT)
    name = Path(client[0]).name
    (pindrill.directory / name).write_text('#!/bin/sh\nexec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n')
    ran = pindrill.drill(client, *LONG, "--resume", only=("BL1", "BL3", "CH3"))
    assert (ran.code, [line["code"] for line in ran.results]) == (0, ["BL1", "BL3", "CH3"])


def test_while_an_adapter_is_waited_for_what_is_done_is_done(pindrill: Pindrill) -> None:
    """It does not end at the end of its input."""
    pipe, adapter = pindrill.directory / "pipe", Path(__file__).parent / "support" / "late_adapter.py"
    os.mkfifo(pipe)
    client = pindrill.script("app", f"#!/bin/sh\n{sys.executable} {adapter}\necho hangs > {pipe}\nexec sleep 1000\n")
    arguments = pindrill.drill_arguments((client,), *LONG, "--adapter", "--junit", "junit.xml", only=("BL1",))
    program, out, _ = interrupted(pindrill, arguments, pipe, signal.SIGINT)
    assert program.returncode == 3
    assert "1 cells: 1 pass; interrupted" in out
    assert 'tests="1"' in (pindrill.directory / "junit.xml").read_text()


def test_an_adapter_that_hangs_is_interrupted_at_once(pindrill: Pindrill) -> None:
    pipe = pindrill.directory / "pipe"
    os.mkfifo(pipe)
    adapter = pindrill.directory / "adapter.py"
    adapter.write_text(f"open({str(pipe)!r}, 'w').write('hangs\\n')\nimport time\ntime.sleep(1000)\n")
    arguments = pindrill.drill_arguments((sys.executable, str(adapter)), "--adapter", *LONG, "--strategy", "leaf-spki")
    program, out, _ = interrupted(pindrill, arguments, pipe, signal.SIGINT)
    assert program.returncode == 3
    assert "interrupted" in out


def test_a_killed_drill_loses_no_finished_cell_and_leaves_no_process(pindrill: Pindrill) -> None:
    client, pipe = hanging(pindrill, 2)
    program = pindrill.start(*pindrill.drill_arguments(client, *LONG, only=("BL1", "BL3", "CH3")))
    assert pipe.read_text() == "hangs\n"
    program.kill()
    program.communicate(timeout=PATIENCE_S)
    assert [line["code"] for line in read_lines(pindrill.json)] == ["BL1", "BL3"]
    # The processes see that their harness is gone, which takes them a moment; nobody is there to remove the directory.
    give_up = time.monotonic() + PATIENCE_S
    while processes_that_name(str(pindrill.directory)) and time.monotonic() < give_up:
        time.sleep(0.01)
    for path in pindrill.tmp.iterdir():
        subprocess.run(["rm", "-rf", str(path)], check=True)


def test_two_drills_at_the_same_time(pindrill: Pindrill) -> None:
    files = [pindrill.directory / f"{number}.jsonl" for number in range(2)]
    running = [
        pindrill.start("drill", "--only", "BL*", "--only", "IN17", "--json", str(file), "--", *CURL) for file in files
    ]
    outputs = [program.communicate(timeout=PATIENCE_S) for program in running]
    for program, file, (out, err) in zip(running, files, outputs, strict=True):
        assert program.returncode == 0, out
        results = read_lines(file)
        assert len(results) == 14
        assert {line["verdict"] for line in results} == {"pass"}
        assert "not watched" not in err, "each has an address of its own, so both watch the usual ports"
    one, two = (read_lines(file)[0]["pins"] for file in files)
    assert not set(one) & set(two)

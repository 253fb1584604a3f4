"""Nothing is removed that was not made here; what a killed run left is swept by the next; one writer to a file."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pindrill.interruption import Started
from pindrill.machine import directories
from pindrill.machine.directories import RunDirectory, run_directory, sweep
from support.cli import CURL, Pindrill, read_lines

DRILL = ("drill", "--tls", "1.3", "--only", "BL1", "--json", "results.jsonl", "--", *CURL)
OLD_S = 24 * 3600


def test_an_inherited_environment_deletes_nothing(pindrill: Pindrill) -> None:
    mine = pindrill.directory / "mine"
    mine.mkdir()
    (mine / "file").write_text("dear")
    pindrill.environment |= {"PINDRILL_ADDRESS": "127.0.0.1", "PINDRILL_RUN_DIRECTORY": str(mine)}
    assert pindrill.run(*DRILL).code == 0
    assert (mine / "file").read_text() == "dear"


@pytest.mark.parametrize("forged", ["", "not JSON", '{"what": "a directory of a run of pindrill", "directory": "%s"}'])
def test_what_is_no_hand_over_is_not_taken_for_one(pindrill: Pindrill, forged: str) -> None:
    """Also where somebody runs the module itself, with a file that says what an owner's file would."""
    mine = pindrill.directory / "mine"
    mine.mkdir()
    (mine / "file").write_text("dear")
    told = pindrill.directory / "told"
    told.write_text(forged.replace("%s", str(mine)))
    told.chmod(0o600)
    with told.open("rb") as given:
        done = subprocess.run(
            ["python", "-m", "pindrill.again", *DRILL],
            cwd=pindrill.directory,
            env=pindrill.environment,
            stdin=given,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, "run `pindrill`" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert (mine / "file").read_text() == "dear"


def left_by_a_killed_run(parent: Path, age_s: float = OLD_S) -> Path:
    """As `kill -9` leaves it: nobody holds its lock."""
    made = directories._make(directories.PREFIX)
    assert made.path.parent == parent
    (made.path / "client").mkdir()
    (made.path / "client" / "file").write_text("")
    os.close(made.owner)
    then = time.time() - age_s
    os.utime(made.path / "owner", (then, then))
    return made.path


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


def test_what_a_killed_run_left_is_swept(parent: Path) -> None:
    left = left_by_a_killed_run(parent)
    with Started() as started:
        own = run_directory(started).path
        assert set(parent.iterdir()) == {own}
    assert not left.exists()
    assert not list(parent.iterdir())


def test_a_drill_that_was_killed_is_swept_by_the_next(pindrill: Pindrill) -> None:
    pipe = pindrill.directory / "pipe"
    os.mkfifo(pipe)
    client = pindrill.script("app", f"#!/bin/sh\necho hangs > {pipe}\nexec sleep 1000\n")
    program = pindrill.start("drill", "--only", "BL1", "--", client, "{url}")
    assert pipe.read_text() == "hangs\n"
    [left] = pindrill.tmp.iterdir()
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=60)
    then = time.time() - OLD_S
    os.utime(left / "owner", (then, then))
    assert pindrill.run(*DRILL).code == 0
    assert not left.exists()


def _alive(path: Path) -> None:
    descriptor = os.open(path / "owner", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # closed by the end of the tests


def _foreign(path: Path) -> None:
    (path / "owner").write_text(json.dumps({"what": "something else", "directory": str(path)}))


def _without_owner(path: Path) -> None:
    (path / "owner").unlink()


def _linked_owner(path: Path) -> None:
    real = path.parent / "elsewhere"
    (path / "owner").rename(real)
    (path / "owner").symlink_to(real)


def _a_pipe(path: Path) -> None:
    (path / "owner").unlink()
    os.mkfifo(path / "owner", 0o600)


def _open_to_others(path: Path) -> None:
    path.chmod(0o755)


def _of_somebody_else(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize(
    "change", [_alive, _foreign, _without_owner, _linked_owner, _a_pipe, _open_to_others, _of_somebody_else]
)
def test_what_is_alive_or_not_ours_is_let_be(parent: Path, change: Callable[[Path], None]) -> None:
    left = left_by_a_killed_run(parent)
    change(left)
    if (left / "owner").is_file():
        os.utime(left / "owner", (0, 0))
    sweep(parent)
    assert (left / "client" / "file").exists()


def test_a_young_one_is_let_be(parent: Path) -> None:
    left = left_by_a_killed_run(parent, age_s=1)
    sweep(parent)
    assert left.exists()


def test_links_are_not_followed(parent: Path, tmp_path: Path) -> None:
    dear = tmp_path / "dear"
    dear.mkdir()
    (dear / "file").write_text("")
    left = left_by_a_killed_run(parent)
    (left / "link").symlink_to(dear)
    (parent / "pindrill-link").symlink_to(dear)
    sweep(parent)
    assert not left.exists()
    assert (dear / "file").exists()


def test_only_the_directory_that_was_made_is_removed(parent: Path) -> None:
    """Somebody put another one in its place."""
    made = directories._make(directories.PREFIX)
    made.path.rename(parent / "moved")
    made.path.mkdir()
    (made.path / "file").write_text("")
    RunDirectory.remove(made)
    assert (made.path / "file").exists()


def test_a_second_drill_into_one_file_is_refused(pindrill: Pindrill) -> None:
    pipe = pindrill.directory / "pipe"
    os.mkfifo(pipe)
    slow = pindrill.script("app", f"#!/bin/sh\necho hangs > {pipe}\nexec sleep 1000\n")
    program = pindrill.start(
        "drill", "--only", "BL1", "--deadline", "900", "--json", "results.jsonl", "--", slow, "{url}"
    )
    try:
        assert pipe.read_text() == "hangs\n"
        for command in (DRILL, ("drill", "--resume", *DRILL[1:])):
            ran = pindrill.run(*command)
            assert (ran.code, f"results.jsonl: process {program.pid} is writing results there" in ran.err) == (2, True)
    finally:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
    assert pindrill.run(*DRILL).code == 0
    assert len(read_lines(pindrill.json)) == 1


@pytest.mark.parametrize("tail", ["", '{"version": 1, "cut', "\n\n"])
def test_a_resumed_file_keeps_its_lines_in_place(pindrill: Pindrill, tail: str) -> None:
    ran = pindrill.run(*DRILL)
    before = pindrill.json.read_text()
    inode = pindrill.json.stat().st_ino
    pindrill.json.write_text(before.rstrip("\n") + tail if tail == "" else before + tail)
    again = pindrill.run("drill", "--resume", *DRILL[1:])
    assert (ran.code, again.code, pindrill.json.stat().st_ino) == (0, 0, inode)
    assert pindrill.json.read_text() == before

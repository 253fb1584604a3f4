"""How a command ended, and what that says: exit codes, signals, the deadline, descendants."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pindrill.clients import process
from pindrill.clients.command import CommandDriver
from pindrill.model import ClientReport, Said
from support.cli import processes_that_name
from support.targets import CANARY, target

SHORT_S = 0.5


@pytest.fixture(autouse=True)
def _no_process_is_left(home: Path) -> Iterator[None]:
    yield
    assert processes_that_name(str(home)) == []


def attempt(home: Path, script: str, *, deadline_s: float = 120.0, ignore: bool = False) -> ClientReport:
    driver = CommandDriver(["sh", "-c", script], ignore_exit_code=ignore)
    return driver.session(home).attempt(target(deadline_s=deadline_s), CANARY)


@pytest.mark.parametrize(
    ("script", "said", "detail"),
    [
        ("exit 0", Said.ACCEPTED, ""),
        ("echo cannot do hex >&2; exit 89", Said.UNSUPPORTED, "cannot do hex"),
        ("exit 1", Said.REFUSED, "exit 1"),
        ("echo first >&2; echo 'bad pin' >&2; exit 60", Said.REFUSED, "exit 60: bad pin"),
        ("echo 'fatal: pin' >&2; exit 128", Said.REFUSED, "exit 128: fatal: pin"),
        ("exit 255", Said.REFUSED, "exit 255"),
        ("exit 126", Said.CANNOT_RUN, "exit 126"),
        ("no-such-program-at-all", Said.CANNOT_RUN, "exit 127"),
        ("exit 132", Said.DIED, "exit 132, by SIGILL"),
        ("echo Aborted >&2; exit 134", Said.DIED, "exit 134, by SIGABRT: Aborted"),
        ("exit 137", Said.DIED, "exit 137, by SIGKILL"),
        ("exit 139", Said.DIED, "exit 139, by SIGSEGV"),
        ("exit 143", Said.DIED, "exit 143, by SIGTERM"),
        ("kill -SEGV $$", Said.DIED, "by SIGSEGV"),
        ("kill -KILL $$", Said.DIED, "by SIGKILL"),
        ("kill -TERM $$", Said.DIED, "by SIGTERM"),
        ("kill -PIPE $$", Said.DIED, "by SIGPIPE"),
        ("trap 'exit 7' TERM; kill -TERM $$", Said.REFUSED, "exit 7"),
    ],
)
def test_ends(home: Path, script: str, said: Said, detail: str) -> None:
    report = attempt(home, script)
    assert report.said is said
    assert report.detail.startswith(detail)
    assert report.ending_at == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 0", Said.SILENT),
        ("exit 1", Said.SILENT),
        ("exit 89", Said.SILENT),
        ("exit 127", Said.CANNOT_RUN),
        ("exit 134", Said.DIED),
        ("kill -SEGV $$", Said.DIED),
    ],
)
def test_an_exit_code_that_is_to_be_ignored_says_nothing_but_death(home: Path, script: str, said: Said) -> None:
    assert attempt(home, script, ignore=True).said is said


def test_an_ignored_exit_code_still_lets_the_canary_out(home: Path) -> None:
    report = attempt(home, f"echo {CANARY}; exit 1", ignore=True)
    assert (report.said, report.canary_out) == (Said.SILENT, True)


def test_a_program_without_its_interpreter_cannot_run(home: Path) -> None:
    program = home / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    report = CommandDriver([str(program)]).session(home).attempt(target())
    assert report.said is Said.CANNOT_RUN
    assert report.detail == "ENOENT: No such file or directory"


def test_what_is_no_program_cannot_run(home: Path) -> None:
    program = home / "program"
    program.write_bytes(b"\x7fELF and nothing more")
    program.chmod(0o755)
    assert CommandDriver([str(program)]).session(home).attempt(target()).said is Said.CANNOT_RUN


def test_a_client_that_ends_its_own_shepherd_has_refused_nothing(home: Path) -> None:
    assert attempt(home, "kill -KILL $PPID; exit 0").said is Said.DIED


# --- the deadline ----------------------------------------------------------------------------------------------


def test_a_client_is_ended_at_the_deadline(home: Path) -> None:
    before = time.monotonic_ns()
    report = attempt(home, "echo begun; exec sleep 1000", deadline_s=SHORT_S)
    assert (report.said, report.detail) == (Said.TIMEOUT, "it was ended at the deadline")
    assert report.stdout == "begun\n"
    assert before + SHORT_S * 1e9 <= report.ending_at <= time.monotonic_ns()
    assert report.exit_code is None


def test_a_client_that_ignores_signals_is_ended_too(home: Path) -> None:
    report = attempt(home, "trap '' TERM INT HUP; while :; do sleep 1000; done", deadline_s=SHORT_S)
    assert report.said is Said.TIMEOUT


def test_a_client_at_the_deadline_says_nothing_if_its_exit_code_is_ignored(home: Path) -> None:
    assert attempt(home, "exec sleep 1000", deadline_s=SHORT_S, ignore=True).said is Said.SILENT


@pytest.mark.parametrize(
    "detach",
    [
        "sleep 1000 &",
        "setsid sleep 1000 &",
        "setsid sh -c 'exec >/dev/null 2>&1 </dev/null; sleep 1000' &",
        "(setsid sh -c 'exec >/dev/null 2>&1; (sleep 1000 & sleep 1000) &' &)",
        "env -i setsid sleep 1000 &",
    ],
)
def test_descendants_that_detached_themselves_are_ended(home: Path, detach: str) -> None:
    report = attempt(home, f"cd {home}\n{detach}\nexit 0", deadline_s=SHORT_S)
    assert report.said is Said.ACCEPTED
    assert report.ending_at > 0
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if works_in(pid, home)]


def works_in(process: Path, directory: Path) -> bool:
    try:
        return (process / "cwd").resolve() == directory
    except OSError:
        return False


def test_descendants_that_end_by_themselves_are_waited_for(home: Path) -> None:
    report = attempt(home, "(setsid sh -c 'sleep 0.3; echo late > ~/late' >/dev/null 2>&1 &) ; exit 1")
    assert (home / "late").read_text() == "late\n"
    assert (report.said, report.ending_at) == (Said.REFUSED, 0)
    assert report.duration_s >= 0.3


def test_many_descendants_that_fork_on_are_all_ended(home: Path) -> None:
    script = home / "fork"
    script.write_text("while :; do setsid sleep 1000 & sleep 0.01; done\n")
    report = attempt(home, f"sh {script} & sh {script} & exit 0", deadline_s=SHORT_S)
    assert report.ending_at > 0


def test_what_is_being_started_when_the_driver_is_closed_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = CommandDriver(["sleep", "20"])

    def start(*argv: Any, **options: Any) -> subprocess.Popen[bytes]:
        started = subprocess.Popen(*argv, **options)
        driver.close()
        return started

    monkeypatch.setattr(process, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start}))
    report = driver.session(home).attempt(target(deadline_s=60.0))
    assert (report.said, report.duration_s < 10) == (Said.TIMEOUT, True)


def test_nothing_is_started_once_the_driver_is_closed(home: Path) -> None:
    driver = CommandDriver(["touch", f"{home}/ran"])
    session = driver.session(home)
    driver.close()
    with pytest.raises(process.DriverClosed):
        session.attempt(target())
    assert not (home / "ran").exists()


# --- a shepherd that fails -------------------------------------------------------------------------------------

GUARD = "$(awk '/^PPid/ {print $2}' /proc/$PPID/status)"
"""The shepherd's parent, as a client finds it."""


ATTACKS = [
    "kill -KILL $PPID",
    "kill -STOP $PPID",
    f"guard={GUARD}; kill -KILL $guard $PPID",
    f"guard={GUARD}; kill -STOP $guard $PPID",
    f"guard={GUARD}; kill -STOP $guard; kill -KILL $PPID",
]
STAYS = [
    "sleep 1000",
    "trap '' TERM; setsid sleep 1000 & sleep 1000",
    "setsid sh -c 'exec >/dev/null 2>&1; cd ~; sleep 1000' & sleep 1000",
]
ENDS = ["exit 0", "exit 1"]


# Where only the guard is killed, the shepherd may still see, and truly tell, how a client ended.
@pytest.mark.parametrize(
    ("attack", "stays"),
    [*product(ATTACKS, [*STAYS, *ENDS]), *product([f"kill -KILL {GUARD}"], STAYS)],
)
def test_without_its_shepherd_a_client_is_ended_and_has_said_nothing(home: Path, attack: str, stays: str) -> None:
    begun = time.monotonic()
    report = attempt(home, f"cd {home}; {attack}; {stays}", deadline_s=SHORT_S)
    assert time.monotonic() - begun < SHORT_S + 8
    assert report.said is Said.DIED
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if works_in(pid, home)]


def test_a_stopped_guard_delays_nothing(home: Path) -> None:
    begun = time.monotonic()
    report = attempt(home, f"kill -STOP {GUARD}; exit 1", deadline_s=60)
    assert (report.said, report.detail) == (Said.REFUSED, "exit 1")
    assert time.monotonic() - begun < 10


def test_a_driver_that_is_closed_ends_a_client_whose_shepherds_are_stopped(home: Path) -> None:
    driver = CommandDriver(["sh", "-c", f"guard={GUARD}; kill -STOP $guard $PPID; touch ~/up; sleep 1000"])
    session = driver.session(home)
    reports: list[ClientReport] = []
    thread = threading.Thread(target=lambda: reports.append(session.attempt(target(deadline_s=120.0))))
    thread.start()
    while not (home / "up").exists():
        time.sleep(0.01)
    begun = time.monotonic()
    driver.close()
    thread.join(30)
    assert [report.said for report in reports] == [Said.DIED]
    assert time.monotonic() - begun < 10

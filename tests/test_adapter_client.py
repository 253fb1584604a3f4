"""The adapter driver: one target a line in, one answer a line out, and what may go wrong with that."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.process import DriverClosed
from pindrill.model import ClientReport, Said, UsageError
from support.cli import processes_that_name
from support.targets import CANARY, target

ADAPTER = Path(__file__).parent / "support" / "adapter.py"
SHORT_S = 1.0
Ask = Callable[..., ClientReport]


@pytest.fixture
def driver(home: Path) -> Iterator[AdapterDriver]:
    made = AdapterDriver([sys.executable, str(ADAPTER)], directory=home, environment={"GIVEN": "yes"})
    yield made
    made.close()
    assert processes_that_name(str(home)) == []


@pytest.fixture
def ask(driver: AdapterDriver, home: Path) -> Ask:
    """One attempt in a session of its own."""

    def one(path: str, canary: str = CANARY, **values: Any) -> ClientReport:
        session = driver.session(home)
        try:
            return session.attempt(target(path=f"/{path}", **values), canary)
        finally:
            session.end()

    return one


def told(report: ClientReport) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report.detail)
    return found


@pytest.mark.parametrize(
    ("path", "said", "detail"),
    [
        ("accept/x", Said.ACCEPTED, ""),
        ("accept-without-body", Said.ACCEPTED, ""),
        ("refuse", Said.REFUSED, "pin mismatch"),
        ("unsupported", Said.UNSUPPORTED, "no hex"),
        ("error", Said.ERROR, "bug in the adapter"),
        ("odd-result", Said.ERROR, "its answer has the result 'maybe'"),
        ("list-result", Said.ERROR, "its answer has the result ['accepted']"),
        ("no-result", Said.ERROR, "its answer has the result None"),
        ("log", Said.REFUSED, "after log"),
        ("binary", Said.REFUSED, "after binary"),
        ("pieces", Said.REFUSED, "in pieces"),
        (
            "deep",
            Said.REFUSED,
            "after deep",
        ),
        ("crash", Said.DIED, "the adapter gave no answer: its output ended: Traceback: it crashed"),
        ("endless", Said.DIED, "the adapter gave no answer: it wrote a line of more than"),
    ],
)
def test_answers(ask: Ask, path: str, said: Said, detail: str) -> None:
    report = ask(path)
    assert report.said is said
    assert report.detail.startswith(detail)


def test_the_canary_is_looked_for_in_the_body(ask: Ask) -> None:
    assert ask(f"accept/{CANARY}").canary_out
    assert not ask("accept/other").canary_out
    assert not ask("accept-without-body").canary_out
    assert not ask(f"accept-odd-body/{CANARY}").canary_out
    assert not ask(f"log/{CANARY}").canary_out, "that was the answer to another target"


def test_the_target_arrives_whole_and_without_the_canary(ask: Ask) -> None:
    sent = target(path="/target")
    text = json.dumps(sent.to_json())
    assert ask("target", canary=text[1:40]).canary_out
    assert not ask("target").canary_out


def test_no_answer_before_the_deadline(ask: Ask, home: Path) -> None:
    report = ask("silent", deadline_s=SHORT_S)
    assert (report.said, report.detail) == (Said.TIMEOUT, "no answer before the deadline")
    assert report.ending_at > 0
    assert processes_that_name(str(home)) == []


def test_an_adapter_that_lives_but_closes_its_output_is_not_waited_for(ask: Ask, home: Path) -> None:
    report = ask("close", deadline_s=20)
    assert (report.said, report.detail) == (Said.DIED, "the adapter gave no answer: its output ended")
    assert report.ending_at > 0
    assert processes_that_name(str(home)) == []


@pytest.mark.parametrize("path", ["crash", "close", "silent"])
def test_a_new_process_is_started_for_later_sessions(ask: Ask, path: str) -> None:
    before = told(ask("tell"))["pid"]
    ask(path, deadline_s=SHORT_S)
    after = told(ask("tell"))["pid"]
    assert before != after


def test_within_its_session_a_dead_adapter_stays_dead(driver: AdapterDriver, home: Path) -> None:
    session = driver.session(home)
    assert session.attempt(target(path="/crash")).said is Said.DIED
    assert session.attempt(target(path="/accept/x")).said is Said.DIED
    session.end()


def test_one_process_serves_one_session_after_the_other(ask: Ask) -> None:
    first, second = told(ask("tell", session="s1")), told(ask("tell", session="s2"))
    assert first["pid"] == second["pid"]
    assert (first["ended"], second["ended"]) == ([], ["s1"])
    assert (first["session"], second["session"]) == ("s1", "s2")


def test_sessions_at_the_same_time_have_processes_of_their_own(driver: AdapterDriver, home: Path) -> None:
    one, two = driver.session(home), driver.session(home)
    pids = {told(each.attempt(target(path="/tell")))["pid"] for each in (one, two, one)}
    assert len(pids) == 2
    one.end()
    two.end()


def test_every_session_of_a_cell_is_ended(driver: AdapterDriver, home: Path) -> None:
    session = driver.session(home)
    for name in ("s1.0", "s1.1"):
        session.attempt(target(path="/refuse", session=name))
    session.end()
    later = driver.session(home)
    assert set(told(later.attempt(target(path="/tell")))["ended"]) == {"s1.0", "s1.1"}
    later.end()


def test_a_session_that_asked_nothing_ends_nothing(driver: AdapterDriver, home: Path) -> None:
    driver.session(home).end()
    session = driver.session(home)
    assert told(session.attempt(target(path="/tell")))["ended"] == []
    session.end()


def test_the_environment_is_scrubbed(ask: Ask, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/of/the/machine")
    given = told(ask("tell"))
    assert "GIVEN" in given["environment"]
    assert "SSL_CERT_FILE" not in given["environment"]
    assert Path(given["home"]).is_relative_to(home)


def test_what_cannot_be_run_is_said_at_once(home: Path) -> None:
    with pytest.raises(UsageError, match="no adapter command"):
        AdapterDriver([], directory=home)
    with pytest.raises(UsageError, match="not on PATH"):
        AdapterDriver(["no-such-program"], directory=home)


def test_a_program_that_is_no_adapter(home: Path) -> None:
    driver = AdapterDriver(["true"], directory=home)
    session = driver.session(home)
    assert session.attempt(target()).said is Said.DIED
    session.end()
    driver.close()


def test_closing_ends_a_session_that_is_waiting(driver: AdapterDriver, home: Path) -> None:
    pipe = home / "waiting"
    os.mkfifo(pipe)
    session = driver.session(home)
    waiting = target(path=f"/signal{pipe}", deadline_s=10)
    reports: list[ClientReport] = []
    thread = threading.Thread(target=lambda: reports.append(session.attempt(waiting)))
    thread.start()
    assert pipe.read_text() == "waiting"
    driver.close()
    thread.join()
    assert [report.said for report in reports] == [Said.DIED], "it went on waiting for its deadline"


def test_nothing_is_started_once_the_driver_is_closed(driver: AdapterDriver, home: Path) -> None:
    driver.close()
    with pytest.raises(DriverClosed):
        driver.session(home)
    assert not list(home.glob("adapter-*"))


# --- bounds ----------------------------------------------------------------------------------------------------

FLOODING = """
import json, os, sys
for line in sys.stdin:
    told = json.loads(line)
    if "id" in told:
        os.write(2, b"first words\\n")
        for _ in range(1024):
            os.write(2, b"x" * 65535 + b"\\n")
        os.write(2, b"last words\\n")
        print(json.dumps({"id": told["id"], "result": "refused", "error": "pin"}), flush=True)
"""
UNREADING = "import time; time.sleep(1000)"
CHATTING = """
import json, sys, time
told = json.loads(sys.stdin.readline())
while True:
    sys.stdout.write("chatter\\n" * 10000)
"""
ATTACKING = """
import json, os, signal, subprocess, sys
shepherd = os.getppid()
guard = int(open(f"/proc/{shepherd}/stat").read().rpartition(")")[2].split()[1])
subprocess.Popen(["setsid", "sleep", "1000"], close_fds=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for line in sys.stdin:
    for number, what in SIGNALS:
        os.kill(shepherd if what == "shepherd" else guard, number)
"""


def adapter(home: Path, program: str) -> AdapterDriver:
    return AdapterDriver([sys.executable, "-c", program], directory=home)


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_error_output_is_neither_stored_nor_held_up(home: Path) -> None:
    driver = adapter(home, FLOODING)
    session = driver.session(home)
    report = session.attempt(target(deadline_s=60.0))
    assert (report.said, report.detail) == (Said.REFUSED, "pin")
    assert on_disk(home) == 0
    session.end()
    driver.close()


def test_the_last_words_come_after_any_flood(home: Path) -> None:
    driver = adapter(home, FLOODING.replace("print(json", "os._exit(3); print(json"))
    session = driver.session(home)
    report = session.attempt(target(deadline_s=60.0))
    session.end()
    driver.close()
    assert (report.said, report.detail) == (Said.DIED, "the adapter gave no answer: its output ended: last words")
    assert report.stderr.startswith("first words")
    assert report.stderr.endswith("last words\n")
    assert len(report.stderr) <= 2000


@pytest.mark.parametrize("program", [UNREADING, CHATTING])
def test_the_deadline_holds_for_an_adapter_that_only_talks_or_does_not_listen(home: Path, program: str) -> None:
    driver = adapter(home, program)
    session = driver.session(home)
    begun = time.monotonic()
    report = session.attempt(target(path="/" + "x" * 1_000_000, deadline_s=SHORT_S))
    session.end()
    driver.close()
    assert (report.said, report.detail) == (Said.TIMEOUT, "no answer before the deadline")
    assert report.ending_at > 0
    assert time.monotonic() - begun < SHORT_S + 8


@pytest.mark.parametrize(
    "signals",
    [
        [(signal.SIGKILL, "shepherd")],
        [(signal.SIGSTOP, "shepherd")],
        [(signal.SIGSTOP, "guard"), (signal.SIGSTOP, "shepherd")],
        [(signal.SIGKILL, "guard"), (signal.SIGKILL, "shepherd")],
    ],
)
def test_without_its_shepherd_an_adapter_is_ended_and_has_said_nothing(
    home: Path, signals: list[tuple[int, str]]
) -> None:
    told = [(int(number), what) for number, what in signals]
    driver = adapter(home, ATTACKING.replace("SIGNALS", repr(told)))
    session = driver.session(home)
    begun = time.monotonic()
    report = session.attempt(target(deadline_s=SHORT_S))
    session.end()
    driver.close()
    assert time.monotonic() - begun < SHORT_S + 12
    assert report.said in (Said.TIMEOUT, Said.DIED)
    assert report.ending_at > 0
    assert [pid for pid in Path("/proc").glob("[0-9]*") if str(home) in environment(pid)] == []


def environment(process: Path) -> str:
    try:
        return (process / "environ").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""

"""Whatever is started is stopped, before whichever step Ctrl-C comes: while it starts, between, while it stops."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pindrill import interruption
from pindrill.audits.app import AppHooks, InterceptorPlace
from pindrill.audits.audit import Audit, AuditRequest, Entry
from pindrill.audits.dns import DnsAnswerer
from pindrill.audits.forge import Forge
from pindrill.audits.interception import own_interceptor
from pindrill.audits.presets import HookTexts
from pindrill.clients import callable as callables
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.process import run
from pindrill.drills.drill import Drill, DrillRequest
from pindrill.drills.lab import Lab
from pindrill.drills.subjects import function_subject
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine import names
from pindrill.machine.directories import run_directory
from pindrill.machine.served import ServedClients
from pindrill.mitm.install import Mitmdump
from pindrill.mitm.process import Process
from pindrill.station.bench import PhoneBench, serve
from support.interrupting import interrupted_at_every_step

LOOPBACK = "127.0.0.1"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Directories of runs are made in one of the test's own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    yield directory
    signal.signal(signal.SIGINT, before)


def started(make: Callable[[], Any], stop: Callable[[Any], object]) -> Callable[[], None]:
    def act() -> None:
        with Started() as stack:
            stack.start(make, stop)

    return act


def test_the_directory_of_a_run() -> None:
    def act() -> None:
        with Started() as stack:
            (run_directory(stack).path / "file").write_text("")

    assert interrupted_at_every_step(act) > 50


def test_the_name_server() -> None:
    def make() -> DnsAnswerer:
        return DnsAnswerer(LOOPBACK, 0, names=["a.test"], target=LOOPBACK, resolver=(LOOPBACK, 1))

    assert interrupted_at_every_step(started(make, DnsAnswerer.close), every=11) > 50


def an_audit(forge: Forge, directory: Path) -> Audit:
    interceptor = own_interceptor(hosts={}, private_addresses=False, upstream_trust="", clients=(LOOPBACK,))
    entries = (Entry(way="proxy", address=LOOPBACK),)
    return Audit(AuditRequest(entries=entries, directory=directory), interceptor, forge, starts=False)


def test_the_pump_of_an_audit(tmp_path: Path) -> None:
    forge = Forge(Keyring())
    assert interrupted_at_every_step(started(lambda: an_audit(forge, tmp_path), Audit.close), every=31) > 50


def test_the_station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interruption is how it is ended."""
    forge = Forge(Keyring())
    with Started() as stack:
        audit = stack.start(lambda: an_audit(forge, tmp_path), Audit.close)
        audit.pump._failure = "so nobody waits for somebody to come"
        bench = PhoneBench(audit, "app")

        def act() -> None:
            serve(bench, forge, LOOPBACK, 0, ServedClients((LOOPBACK,)))

        assert interrupted_at_every_step(act, every=13, takes_it=True) > 50
    assert "Traceback" not in capsys.readouterr().err


def test_a_client_program(tmp_path: Path) -> None:
    def act() -> None:
        run(["/bin/sh", "-c", "sleep 0.01"], environment={"HOME": str(tmp_path)}, deadline_s=10)

    assert interrupted_at_every_step(act, every=3) > 50


def test_an_adapter(tmp_path: Path) -> None:
    numbers = iter(range(1 << 30))

    def act() -> None:
        directory = tmp_path / f"adapters-{next(numbers)}"
        directory.mkdir()
        with Started() as stack:
            driver = stack.start(lambda: AdapterDriver(["/bin/cat"], directory=directory), AdapterDriver.close)
            driver.session(directory)

    assert interrupted_at_every_step(act) > 50


MITMDUMP = """#!/bin/bash
channel=$(printf %s "$PINDRILL_MITM" | sed 's/.*"channel": \\([0-9]*\\).*/\\1/')
eval "exec 3<&$channel 4>&$channel"
echo '{"event": "ready", "size": 0, "mitmproxy": "12.0"}' >&4
exec cat <&3 >/dev/null
"""
"""Says that it is ready, and ends with its channel."""


def test_mitmdump(tmp_path: Path) -> None:
    program = tmp_path / "mitmdump"
    program.write_text(MITMDUMP)
    program.chmod(0o755)
    found = Mitmdump(program, "12.0")
    assert interrupted_at_every_step(started(lambda: Process(found, "regular"), Process.close), every=17) > 100


def test_hooks_that_are_undone(tmp_path: Path) -> None:
    """A device that was set up is put back."""
    state = tmp_path / "device"
    texts = HookTexts(setup=f"echo on >> {state}", trigger="true", reset="", logs="", teardown=f"rm {state}")
    place = InterceptorPlace(proxy="", scheme="http", ca_file="")

    class Watched(Audit):
        def __init__(self) -> None:
            self.request = AuditRequest(entries=(), directory=tmp_path)
            self.progress = SimpleNamespace(interrupted=False, gaps=[], trouble="")  # type: ignore[assignment]
            self.pump = SimpleNamespace(trouble="")  # type: ignore[assignment]
            self.starts = 0

        @property
        def place(self) -> InterceptorPlace:
            return place

        def _finished(self) -> bool:
            return self.starts > 0

        def _start(self, app: Any) -> None:
            app.start(place, tmp_path)
            self.starts += 1

    def act() -> None:
        Watched().drive(AppHooks(texts, deadline_s=10))

    interrupted_at_every_step(act, every=5, takes_it=True, check=lambda: no_file(state))


def no_file(path: Path) -> None:
    assert not path.exists()


def test_lines_in_the_hosts_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(names, "_HOSTS", hosts)

    def act() -> None:
        with Started() as stack:
            names.edit_hosts(stack, "127.1.2.3")

    interrupted_at_every_step(act, check=lambda: same(hosts.read_text(), "127.0.0.1 localhost\n"))


def same(one: object, other: object) -> None:
    assert one == other


def test_names_in_this_process() -> None:
    def act() -> None:
        with Started() as stack:
            for host in ("a.test", "b.test"):
                stack.within(callables.resolving(host, "127.1.2.3"))

    original = socket.getaddrinfo
    interrupted_at_every_step(act, check=lambda: same((socket.getaddrinfo, callables._names), (original, {})))


def test_the_threads_of_a_drill() -> None:
    closed: list[float] = []
    driver = SimpleNamespace(close=lambda patience_s=0.0: closed.append(patience_s))
    bench = SimpleNamespace(driver=driver, deadline_s=0, late=lambda: None, mint=None, no_sessions="")
    cells = [SimpleNamespace(strategy=None, key=number, play=True) for number in range(3)]

    class Short(Drill):
        def _cells(self, pool: Any) -> Any:
            return cells, frozenset()

        def _notice_hanging(self, cells: Any) -> None:
            pass

        def _one(self, cell: Any, inexpressible: Any) -> Any:
            return {}

    def act() -> None:
        request = DrillRequest(client="app", scenarios=[], jobs=2)
        Short(bench, request).run(lambda line, total: None)  # type: ignore[arg-type]

    interrupted_at_every_step(act, takes_it=True, check=lambda: same(closed != [], True))


def test_the_servers_and_benches_of_a_lab() -> None:
    def act() -> None:
        with Started() as stack:
            lab = stack.start(lambda: Lab(deadline_s=1), Lab.close)
            lab.server().target()
            lab.bench(stack, function_subject(lambda target: None, name="app", told=True))

    interrupted_at_every_step(act, every=5)


def test_a_held_one_comes_at_once_where_it_is_heard() -> None:
    reached: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        hold_and_hear(reached)
    assert reached == ["held"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def hold_and_hear(reached: list[str]) -> None:
    with interruption.held():
        signal.raise_signal(signal.SIGINT)
        reached.append("held")
        with interruption.heard():
            reached.append("heard too late")


def test_a_clean_up_is_cut_short_by_another_one_that_comes_later() -> None:
    reached: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        clean_up(reached)
    assert reached == ["waits", "waits again"]


def clean_up(reached: list[str]) -> None:
    with interruption.held():
        signal.raise_signal(signal.SIGINT)
        with interruption.heard(0.05):
            reached.append("waits")
            signal.raise_signal(signal.SIGINT)
            reached.append("waits again")
            time.sleep(0.1)
            signal.raise_signal(signal.SIGINT)
            reached.append("waits in vain")


def test_a_signal_that_another_thread_takes_is_held_all_the_same() -> None:
    """The kernel gives it to any thread that does not block it."""
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait, daemon=True)
    other.start()
    reached: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        hold_what_comes_to(other, reached)
    waiting.set()
    assert reached == [1]


def hold_what_comes_to(other: threading.Thread, reached: list[int]) -> None:
    with interruption.held():
        signal.pthread_kill(other.ident or 0, signal.SIGINT)
        give_up = time.monotonic() + 60
        while not interruption._Holding.pending and time.monotonic() < give_up:
            pass  # until it has been taken
        reached.append(1)
    reached.append(-1)

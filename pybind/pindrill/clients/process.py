"""One attempt of a program, with all its descendants, under the shepherd."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pindrill.clients.hunt import end_everything
from pindrill.clients.output import GO_CRASH, KeptOutput, Sought
from pindrill.interruption import Started, held
from pindrill.model import UsageError

_GRACE_S = 3.0
"""So much later than its deadline an attempt is ended from here: its shepherd and the guard of that have failed."""
_LAST_READ_S = 1.0
_LOOK_S = 0.5


def helper(name: str) -> Path:
    """A program of ours; it stands beside the compiled module, which an editable install keeps elsewhere."""
    spec = importlib.util.find_spec("pindrill._core")
    if spec is None or spec.origin is None:
        raise UsageError("pindrill is not built: install it with pip, or run ci/drill")
    return Path(spec.origin).parent / name


SHEPHERD = helper("pindrill-shepherd")
ATTEMPT = "PINDRILL_ATTEMPT"
"""A variable of every program that is run: what is left of an attempt is known by it."""

# Variables of the machine that redirect trust or traffic must not decide a verdict; only what a program needs
# to start at all is passed on.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TERM", "SYSTEMROOT", "JAVA_HOME")


def scrubbed_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    return {**kept, "HOME": str(home), "TMPDIR": str(temporary), **extra}


@dataclass(frozen=True)
class Ended:
    """How a program and its descendants ended."""

    exit_code: int | None
    signal: int | None
    cannot_run: int | None
    ending_at: int
    """Nanoseconds of the monotonic clock; 0: nothing had to be ended."""
    stdout: bytes
    stderr: bytes
    duration_s: float
    wanted_out: bool = False
    """Was what was wanted anywhere in its output, also beyond what is kept of it?"""
    go_crash: bool = False
    """Did Go's runtime say, anywhere in its error output, that it ended the program?"""


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    deadline_s: float,
    wanted: bytes = b"",
    attempts: Attempts | None = None,
    folder: Path | None = None,
) -> Ended:
    """Runs until no descendant is alive; those alive at the deadline are ended. Output is kept up to a limit.

    `wanted`: what to look for in all of the output. `attempts`: what can end it before. `folder`: where it runs;
    without one the caller's directory, so that relative paths of the command mean what they say.
    """
    attempts = attempts or Attempts()
    attempts.begin()
    mark = secrets.token_hex(8)
    began = time.monotonic()

    def watch(report: _Report) -> _Watched:
        process = _shepherded(argv, {**environment, ATTEMPT: mark}, deadline_s, report, folder)
        return _Watched(process, report.read_end, wanted, began + deadline_s + _GRACE_S, mark)

    with Started() as started:
        report = started.start(_Report, _Report.close)
        watched = started.start(lambda: watch(report), _Watched.close)
        report.written()
        with attempts.running(watched.process):
            watched.collect()
    return watched.ended(time.monotonic() - began)


class _Report:
    """The pipe that a shepherd reports on."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()

    def written(self) -> None:
        """Whoever writes has it: the end of what is read is theirs alone."""
        with held():
            end, self.write_end = self.write_end, -1
            if end >= 0:
                os.close(end)

    def close(self) -> None:
        self.written()
        os.close(self.read_end)


def _shepherded(
    argv: Sequence[str], environment: Mapping[str, str], deadline_s: float, report: _Report, folder: Path | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(SHEPHERD), str(report.write_end), str(int(deadline_s * 1000)), "-1", "--", *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(report.write_end,),
        env=environment,
        cwd=folder,
        start_new_session=True,
    )


class DriverClosed(Exception):
    """No attempt is begun any more: the run is over, or was interrupted."""


class Attempts:
    """The programs of one driver, from many threads, until all are ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def begin(self) -> None:
        if self._ended:
            raise DriverClosed

    @contextlib.contextmanager
    def running(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        with self._lock:
            self._processes.add(process)
            if self._ended:  # while it was being started
                _end(process)
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)

    def end(self) -> None:
        """What is running, what is being started, and what would be."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its shepherd sees our end of the pipe close."""
    if process.stdin and not process.stdin.closed:
        process.stdin.close()


class _Watched:
    """One attempt: what it writes, and what its shepherd tells of it."""

    def __init__(self, process: subprocess.Popen[bytes], report: int, wanted: bytes, give_up: float, mark: str) -> None:
        assert process.stdout
        assert process.stderr
        self.process = process
        self._give_up = give_up
        self._mark = f"{ATTEMPT}={mark}"
        self._ending_at = 0
        """When it had to be ended from here."""
        self._report, self._stdout, self._stderr = KeptOutput(), KeptOutput(), KeptOutput()
        self._wanted, self._crash = Sought.text(wanted), Sought(GO_CRASH)
        self._takers: dict[int, tuple[KeptOutput | Sought, ...]] = {
            report: (self._report,),
            process.stdout.fileno(): (self._stdout, self._wanted),
            process.stderr.fileno(): (self._stderr, self._crash),
        }
        self._report_fd = report
        self._report_over = False

    def collect(self) -> None:
        """Reads all three to their end, which comes when nobody is left, or when nobody may be left."""
        with selectors.DefaultSelector() as selector:
            for descriptor in self._takers:
                selector.register(descriptor, selectors.EVENT_READ)
            self._read(selector, lambda: not self._is_over())
            if selector.get_map() and not self._is_done:
                self._ending_at = time.monotonic_ns()
                end_everything(self.process.pid, self._takers, self._mark)
                last = time.monotonic() + _LAST_READ_S
                self._read(selector, lambda: time.monotonic() < last)

    def close(self) -> None:
        _end(self.process)  # with all its descendants, where an interruption came before its end
        ends_in_time(self.process)
        end_and_wait(self.process)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()

    def ended(self, duration_s: float) -> Ended:
        told: dict[str, str] = {}
        for line in self._report.data().decode("ascii", "replace").splitlines():
            word, _, rest = line.partition(" ")
            told.setdefault(word, rest)
        # What a client wanted to be its end, once it had got rid of its shepherd, is not known to be its end.
        lost = "lost" in told or not self._is_done

        def number(word: str) -> int | None:
            return int(told[word]) if word in told and not lost else None

        return Ended(
            exit_code=number("exit"),
            signal=number("signal"),
            cannot_run=number("cannot-run"),
            ending_at=int(told.get("ending", 0)) or self._ending_at,
            stdout=self._stdout.data(),
            stderr=self._stderr.data(),
            duration_s=duration_s,
            wanted_out=self._wanted.found,
            go_crash=self._crash.found,
        )

    def _read(self, selector: selectors.BaseSelector, may_go_on: Callable[[], bool]) -> None:
        while selector.get_map() and may_go_on():
            for key, _ in selector.select(_LOOK_S):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fd)
                    self._report_over = self._report_over or key.fd == self._report_fd
                for taker in self._takers[key.fd]:
                    taker.take(chunk)

    @property
    def _is_done(self) -> bool:
        return self._report.data().endswith(b"done\n")

    def _is_over(self) -> bool:
        """Nobody is left; or nobody sees to it any more: the shepherds have died, or are stopped beyond their time."""
        assert self.process.stdin
        if self.process.stdin.closed:  # we wanted it to end
            self._give_up = min(self._give_up, time.monotonic() + _GRACE_S)
        if self._is_done:  # a program that was none of its descendants may hold its output open
            self._give_up = min(self._give_up, time.monotonic() + _LAST_READ_S)
        return time.monotonic() >= self._give_up or (self._report_over and not self._is_done)


def ends_in_time(process: subprocess.Popen[bytes]) -> bool:
    """Does a shepherd that was told to end do so, with its guard's patience?"""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    return process.returncode is not None


def end_and_wait(process: subprocess.Popen[bytes]) -> None:
    """By force, if it has not ended. One that cannot be waited for is stuck in the kernel: left to it."""
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_READ_S)


def resolved_program(program: str, folder: Path | None = None) -> str:
    """The program's absolute path, found before the first attempt; a path is relative to the folder that it runs in.

    Symbolic links stay as they are: a program may ask by which name it was called.
    """
    if "/" in program:
        path = (folder or Path()).absolute() / program
        if not path.exists():
            raise UsageError(f"client not found: {program} (no such file{f' in {folder}' if folder else ''})")
        if path.is_dir() or not os.access(path, os.X_OK):
            raise UsageError(f"client not executable: {program} (try `chmod +x {program}`)")
        return str(path)
    found = shutil.which(program)
    if found is None:
        raise UsageError(f"client not found: '{program}' is not on PATH; install it, or give its path")
    return str(Path(found).absolute())  # PATH may name a relative folder


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""One attempt of a program, with all its descendants, under the shepherd."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pindrill.model import UsageError

OUTPUT_LIMIT = 256 * 1024


def helper(name: str) -> Path:
    """A program of ours; it stands beside the compiled module, which an editable install keeps elsewhere."""
    spec = importlib.util.find_spec("pindrill._core")
    if spec is None or spec.origin is None:
        raise UsageError("pindrill is not built: install it with pip, or run ci/drill")
    return Path(spec.origin).parent / name


SHEPHERD = helper("pindrill-shepherd")

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
    report_read, report_write = os.pipe()
    started = time.monotonic()
    try:
        with subprocess.Popen(
            [str(SHEPHERD), str(report_write), str(int(deadline_s * 1000)), "-1", "--", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(report_write,),
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        ) as process:
            os.close(report_write)
            report_write = -1
            with attempts.running(process):
                report, stdout, stderr = _collect(process, report_read, wanted)
    finally:
        os.close(report_read)
        if report_write >= 0:
            os.close(report_write)
    return _ended(report.text(), stdout, stderr, time.monotonic() - started)


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


class _Output:
    """The first part of what a program writes: a chatty client must neither stall nor fill the memory."""

    def __init__(self, wanted: bytes = b"") -> None:
        self.kept = bytearray()
        self.wanted_out = False
        self._wanted = wanted
        self._end = b""

    def take(self, chunk: bytes) -> None:
        if self._wanted and not self.wanted_out:
            self.wanted_out = self._wanted in self._end + chunk
            self._end = (self._end + chunk)[-len(self._wanted) :]
        self.kept += chunk[: OUTPUT_LIMIT - len(self.kept)]

    def text(self) -> str:
        return self.kept.decode("ascii", "replace")


def _collect(process: subprocess.Popen[bytes], report: int, wanted: bytes) -> tuple[_Output, _Output, _Output]:
    """Reads all three to their end."""
    assert process.stdout
    assert process.stderr
    taken = {report: _Output(), process.stdout.fileno(): _Output(wanted), process.stderr.fileno(): _Output()}
    with selectors.DefaultSelector() as selector:
        for descriptor in taken:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fd)
                taken[key.fd].take(chunk)
    process.wait()
    first, second, third = taken.values()
    return first, second, third


def _ended(report: str, stdout: _Output, stderr: _Output, duration_s: float) -> Ended:
    told = dict(line.partition(" ")[::2] for line in report.splitlines())

    def number(word: str) -> int | None:
        return int(told[word]) if word in told else None

    return Ended(
        exit_code=number("exit"),
        signal=number("signal"),
        cannot_run=number("cannot-run"),
        ending_at=number("ending") or 0,
        stdout=bytes(stdout.kept),
        stderr=bytes(stderr.kept),
        duration_s=duration_s,
        wanted_out=stdout.wanted_out,
    )


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

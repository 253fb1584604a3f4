"""The adapter driver: a resident program that reads targets and writes answers, one JSON object a line."""

from __future__ import annotations

import json
import os
import queue
import secrets
import selectors
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pindrill.clients.hunt import end_everything
from pindrill.clients.output import KeptOutput, excerpt, last_line
from pindrill.clients.process import (
    ATTEMPT,
    SHEPHERD,
    DriverClosed,
    end_and_wait,
    ends_in_time,
    resolved_program,
    scrubbed_environment,
)
from pindrill.clients.proxied import proxy_environment
from pindrill.interruption import held
from pindrill.model import ClientReport, Said, Target, UsageError

_LINE_LIMIT = 4 * 1024 * 1024
_LONG = 24 * 3600
_FAREWELL_S = 2.0
"""For an adapter to take what it is told at the end of a session; it need not."""
_SLICE_S = 0.05
_ERRORS_END_S = 1.0
_DEADLINE = "no answer before the deadline"
_SAID = {"accepted": Said.ACCEPTED, "refused": Said.REFUSED, "unsupported": Said.UNSUPPORTED, "error": Said.ERROR}


class AdapterDriver:
    """A pool of processes of one adapter: each has one outstanding target, so a cell borrows one."""

    outlives_attempts = True
    expresses_pins = True

    def __init__(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        """`directory`: for what is kept of its processes; `folder`: where they run, without one the caller's.

        `launcher`: what stands before the command, as `machine.names` says.
        """
        if not argv:
            raise UsageError("no adapter command: put it behind `--`")
        self._argv = [*launcher, resolved_program(argv[0], folder), *argv[1:]]
        self._folder = folder
        self._environment = dict(environment or {})
        self._directory = directory
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._all: list[_Process] = []
        self._closed = False
        self._lock = threading.Lock()

    def go_through(self, proxy: str) -> None:
        """Programs that are started from now on are told this proxy."""
        self._environment = {**proxy_environment(proxy), **self._environment}

    def session(self, directory: Path) -> AdapterSession:
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            process = self._start()
        return AdapterSession(self, process)

    def give_back(self, process: _Process) -> None:
        if process.alive:
            self._idle.put(process)

    def close(self, patience_s: float = 0) -> None:
        give_up = time.monotonic() + patience_s
        with self._lock:
            self._closed = True
            for process in self._all:
                process.end_input()
            for process in self._all:
                process.end(max(0.0, give_up - time.monotonic()))

    def _start(self) -> _Process:
        with held(), self._lock:
            if self._closed:
                raise DriverClosed
            home = self._directory / f"adapter-{len(self._all)}"
            home.mkdir()
            process = _Process(self._argv, scrubbed_environment(home, self._environment), self._folder)
            self._all.append(process)
            return process


class AdapterSession:
    def __init__(self, driver: AdapterDriver, process: _Process) -> None:
        self._driver = driver
        self._process = process
        self._names: dict[str, None] = {}

    def attempt(self, target: Target, canary: str = "") -> ClientReport:
        self._names[target.session] = None
        started = time.monotonic()
        answer, failure = self._process.ask(target.to_json(), target.id, target.deadline_s)
        duration = time.monotonic() - started
        if answer is None:
            return ClientReport(
                said=Said.TIMEOUT if failure == _DEADLINE else Said.DIED,
                detail=failure,
                ending_at=self._process.ending_at,
                duration_s=duration,
                stderr=excerpt(self._process.errors()),
            )
        result = answer.get("result")
        said = _SAID.get(result) if isinstance(result, str) else None
        detail = str(answer.get("error") or answer.get("why") or "")[:300]
        if said is None:
            said, detail = Said.ERROR, f"its answer has the result {result!r}"[:300]
        body = answer.get("body")
        return ClientReport(
            said=said,
            detail=detail,
            canary_out=bool(canary) and isinstance(body, str) and canary in body,
            duration_s=duration,
        )

    def end(self) -> None:
        for name in self._names:
            self._process.tell({"end_session": name}, time.monotonic() + _FAREWELL_S)
        self._driver.give_back(self._process)


class _Process:
    """One process of the adapter, under a shepherd."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], folder: Path | None) -> None:
        mark = secrets.token_hex(8)
        self._mark = f"{ATTEMPT}={mark}"
        input_read, self._input_write = os.pipe()
        try:
            os.set_blocking(self._input_write, False)
            # The shepherd's own standard input is our sign of life, so the client reads from another pipe.
            self._popen = subprocess.Popen(
                [str(SHEPHERD), "-1", str(_LONG * 1000), str(input_read), "--", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(input_read,),
                env={**environment, ATTEMPT: mark},
                cwd=folder,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._input_write)
            raise
        finally:
            os.close(input_read)
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._errors = KeptOutput()
        self._errors_reader = threading.Thread(target=self._read_errors, name="adapter's errors", daemon=True)
        self._asking = threading.RLock()
        self._ending = threading.Lock()
        self._input_lock = threading.Lock()
        self._input_ended = False
        self.alive = True
        self.ending_at = 0
        try:
            self._errors_reader.start()
        except BaseException:
            self.end()
            raise

    def ask(self, target: Mapping[str, Any], name: str, deadline_s: float) -> tuple[dict[str, Any] | None, str]:
        """The answer; or None and why: `_DEADLINE`, or how the adapter broke off."""
        with self._asking:
            return self._ask(target, name, deadline_s)

    def _ask(self, target: Mapping[str, Any], name: str, deadline_s: float) -> tuple[dict[str, Any] | None, str]:
        give_up = time.monotonic() + deadline_s
        if not self.tell(target, give_up):
            late = self.alive and time.monotonic() >= give_up
            self.end()
            return None, _DEADLINE if late else self._last_words("it took no target")
        while True:
            line, failure = self._line(give_up)
            if line is None:
                self.end()
                return None, failure if failure == _DEADLINE else self._last_words(failure)
            try:
                answer = json.loads(line)
            except (ValueError, RecursionError):
                continue  # other lines are a log
            if isinstance(answer, dict) and answer.get("id") == name:
                return answer, ""

    def tell(self, message: Mapping[str, Any], give_up: float) -> bool:
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            taken = self._write(data) if self.alive else None
            if taken is None or (not taken and time.monotonic() >= give_up):
                return False
            data = data[taken:]
            if not taken:
                time.sleep(_SLICE_S)
        return True

    def _write(self, data: memoryview) -> int | None:
        """How much it took; None: it takes nothing any more."""
        with self._input_lock:
            if self._input_ended:
                return None
            try:
                return os.write(self._input_write, data)
            except BlockingIOError:
                return 0
            except OSError:
                return None

    def errors(self) -> bytes:
        return self._errors.data()

    def _read_errors(self) -> None:
        """To the end, so that a talkative adapter is never held up."""
        assert self._popen.stderr
        with suppress(OSError, ValueError):  # closed by the end of all
            while chunk := os.read(self._popen.stderr.fileno(), 65536):
                self._errors.take(chunk)

    def end_input(self) -> None:
        """That it hears the end of its input is how an adapter learns that nothing more is asked."""
        with self._input_lock:
            if not self._input_ended:
                self._input_ended = True
                os.close(self._input_write)

    def end(self, patience_s: float = 0) -> None:
        """With all its descendants; those that are still there after so long are ended."""
        self.end_input()
        with self._ending:
            if not self.alive:
                return
            try:
                with suppress(subprocess.TimeoutExpired):
                    self._popen.wait(patience_s)
            finally:  # an interruption ends the patience, not the duty
                self.alive = False
                self.ending_at = time.monotonic_ns()
                self._end_by_force()
        # A thread that waits for an answer sees the end of the output now, and lets go.
        with self._asking:
            assert self._popen.stdout
            self._popen.stdout.close()

    def _end_by_force(self) -> None:
        assert self._popen.stdin
        assert self._popen.stdout
        assert self._popen.stderr
        self._popen.stdin.close()
        pipes = (self._popen.stdout.fileno(), self._popen.stderr.fileno())
        if not ends_in_time(self._popen):
            end_everything(self._popen.pid, pipes, self._mark)
        elif self._popen.returncode != 0:  # killed, perhaps with its shepherd
            end_everything(None, pipes, self._mark)
        end_and_wait(self._popen)
        if self._errors_reader.ident is not None:
            self._errors_reader.join(_ERRORS_END_S)
        if not self._errors_reader.is_alive():
            self._popen.stderr.close()

    def _last_words(self, failure: str) -> str:
        words = last_line(self.errors())
        return f"the adapter gave no answer: {failure}" + (f": {words}" if words else "")

    def _line(self, give_up: float) -> tuple[bytes | None, str]:
        """The next line; or None and why there is none."""
        assert self._popen.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while True:
                left = give_up - time.monotonic()
                if left <= 0:
                    return None, _DEADLINE
                if self._lines:
                    return self._lines.popleft(), ""
                if not selector.select(left):
                    return None, _DEADLINE
                chunk = os.read(self._popen.stdout.fileno(), 65536)
                if not chunk:
                    return None, "its output ended"
                *lines, self._partial = (self._partial + chunk).split(b"\n")
                self._lines.extend(lines)
                if len(self._partial) > _LINE_LIMIT:
                    return None, f"it wrote a line of more than {_LINE_LIMIT} bytes"

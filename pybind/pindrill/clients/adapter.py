"""The adapter driver: a resident program that reads targets and writes answers, one JSON object a line."""

from __future__ import annotations

import json
import os
import queue
import selectors
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pindrill.clients.process import SHEPHERD, DriverClosed, resolved_program, scrubbed_environment
from pindrill.model import ClientReport, Said, Target, UsageError

_LINE_LIMIT = 4 * 1024 * 1024
_LONG = 24 * 3600
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
    ) -> None:
        """`directory`: for what is kept of its processes; `folder`: where they run, without one the caller's."""
        if not argv:
            raise UsageError("no adapter command: put it behind `--`")
        self._argv = [resolved_program(argv[0], folder), *argv[1:]]
        self._folder = folder
        self._environment = dict(environment or {})
        self._directory = directory
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._all: list[_Process] = []
        self._closed = False
        self._lock = threading.Lock()

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
        with self._lock:
            if self._closed:
                raise DriverClosed
            home = self._directory / f"adapter-{len(self._all)}"
            home.mkdir()
            process = _Process(self._argv, scrubbed_environment(home, self._environment), home, self._folder)
            self._all.append(process)
            return process


class AdapterSession:
    def __init__(self, driver: AdapterDriver, process: _Process) -> None:
        self._driver = driver
        self._process = process
        self._names: dict[str, None] = {}

    def attempt(self, target: Target) -> ClientReport:
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
                stderr=self._process.errors(),
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
            canary_out=bool(target.canary) and isinstance(body, str) and target.canary in body,
            duration_s=duration,
        )

    def end(self) -> None:
        for name in self._names:
            self._process.tell({"end_session": name})
        self._driver.give_back(self._process)


class _Process:
    """One process of the adapter, under a shepherd."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], directory: Path, folder: Path | None
    ) -> None:
        self._errors_path = directory / "stderr"
        input_read, self._input_write = os.pipe()
        with self._errors_path.open("wb") as errors:
            # The shepherd's own standard input is our sign of life, so the client reads from another pipe.
            self._popen = subprocess.Popen(
                [str(SHEPHERD), "-1", str(_LONG * 1000), str(input_read), "--", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=(input_read,),
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        os.close(input_read)
        self._pending = b""
        self._asking = threading.RLock()
        self._ending = threading.Lock()
        self._input_ended = False
        self.alive = True
        self.ending_at = 0

    def ask(self, target: Mapping[str, Any], name: str, deadline_s: float) -> tuple[dict[str, Any] | None, str]:
        """The answer; or None and why: `_DEADLINE`, or how the adapter broke off."""
        with self._asking:
            return self._ask(target, name, deadline_s)

    def _ask(self, target: Mapping[str, Any], name: str, deadline_s: float) -> tuple[dict[str, Any] | None, str]:
        if not self.tell(target):
            self.end()
            return None, self._last_words("it took no target")
        give_up = time.monotonic() + deadline_s
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

    def tell(self, message: Mapping[str, Any]) -> bool:
        if not self.alive or self._input_ended:
            return False
        data = memoryview(json.dumps(message).encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._input_write, data) :]
        except OSError:
            return False
        return True

    def errors(self) -> str:
        try:
            return self._errors_path.read_bytes()[-2000:].decode("utf-8", "replace")
        except OSError:
            return ""

    def end_input(self) -> None:
        """That it hears the end of its input is how an adapter learns that nothing more is asked."""
        with self._ending:
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
                assert self._popen.stdin
                self._popen.stdin.close()
                self._popen.wait()
        # A thread that waits for an answer sees the end of the output now, and lets go.
        with self._asking:
            assert self._popen.stdout
            self._popen.stdout.close()

    def _last_words(self, failure: str) -> str:
        lines = self.errors().strip().splitlines()
        return f"the adapter gave no answer: {failure}" + (f": {lines[-1][:300]}" if lines else "")

    def _line(self, give_up: float) -> tuple[bytes | None, str]:
        """The next line; or None and why there is none."""
        assert self._popen.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._popen.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                left = give_up - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None, _DEADLINE
                chunk = os.read(self._popen.stdout.fileno(), 65536)
                if not chunk:
                    return None, "its output ended"
                if len(self._pending) > _LINE_LIMIT:
                    return None, f"it wrote a line of more than {_LINE_LIMIT} bytes"
                self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line, ""

"""Runs the real command line, in a place of its own, and looks at what it leaves behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pindrill import cli

PROGRAM = Path(sys.executable).parent / "pindrill"
CURL = ("curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}")
UNPINNED_CURL = ("curl", "-sS", "--cacert", "{ca_file}", "{url}")
PATIENCE_S = 240
"""Far longer than anything takes: other work may run on the machine."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str
    results: list[Result]

    def verdicts(self) -> dict[str, set[str]]:
        """By short code."""
        found: dict[str, set[str]] = {}
        for line in self.results:
            found.setdefault(line["code"], set()).add(line["verdict"])
        return found

    def codes(self, *verdicts: str) -> set[str]:
        return {line["code"] for line in self.results if line["verdict"] in verdicts}


class Pindrill:
    """The program in a directory of its own; `tmp` must be as empty after a run as it was before."""

    def __init__(self, directory: Path, cache: Path) -> None:
        self.directory = directory
        self.tmp = directory / "tmp"
        self.json = directory / "results.jsonl"
        self.tmp.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PINDRILL", "PYTEST"))},
            "TMPDIR": str(self.tmp),
            "XDG_CACHE_HOME": str(cache),
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "COLUMNS": "200",
        }

    def run(self, *arguments: str) -> Ran:
        done = subprocess.run(
            [str(PROGRAM), *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr, read_lines(self.json))

    def call(self, *arguments: str) -> Ran:
        """As `run`, but inside this process, which is faster: for commands that start nothing."""
        out, err = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.directory)
            patch.setattr(sys, "argv", ["pindrill", *arguments])
            patch.setattr(os, "environ", dict(self.environment))
            patch.setattr(os, "execvp", _must_not_happen)
            try:
                code = cli.main()
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return Ran(code, out.getvalue(), err.getvalue(), read_lines(self.json))

    def drill(self, client: Sequence[str], *options: str, only: Sequence[str] = ("BL6",)) -> Ran:
        return self.run(*self.drill_arguments(client, *options, only=only))

    def drill_arguments(self, client: Sequence[str], *options: str, only: Sequence[str] = ("BL6",)) -> list[str]:
        chosen = [part for code in only for part in ("--only", code)]
        return ["drill", *chosen, "--json", str(self.json), *options, "--", *client]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        # Whoever runs the tests in the background has its children ignore SIGINT, and nohup SIGHUP.
        return subprocess.Popen(
            ["env", "--default-signal=INT,HUP", str(PROGRAM), *arguments],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def script(self, name: str, text: str) -> str:
        """An executable script in the directory of the run; its path."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def left_over(self) -> list[str]:
        """Files in its TMPDIR, and processes that know of it."""
        files = [str(path) for path in self.tmp.iterdir()]
        return files + [f"process {pid}" for pid in processes_that_name(str(self.directory))]


def _must_not_happen(*_: object) -> None:
    raise AssertionError("this command starts a program: use `run`")


def read_lines(path: Path) -> list[Result]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def processes_that_name(text: str) -> list[int]:
    """Those whose environment or command line holds the text, without this one."""
    wanted, found = os.fsencode(text), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        for part in ("environ", "cmdline"):
            try:
                if wanted in (entry / part).read_bytes():
                    found.append(int(entry.name))
                    break
            except OSError:
                continue
    return found

"""The machine, and small looks at its processes."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pindrill import _core

TOOLS = Path(os.environ.get("PINDRILL_BENCH_BUILD", "build/bench")) / "benchmarks"


def tool(name: str) -> str:
    return str(TOOLS / f"pindrill-bench-{name}")


def description() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else platform.processor()
    return (
        f"{name}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"{_core.openssl_version}, Python {platform.python_version()}, pindrill {_core.version}"
    )


def output(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def named_values(argv: Sequence[str]) -> dict[str, float]:
    """Of a tool that prints lines of a name and a number."""
    return {name: float(value) for name, value in (line.split() for line in output(argv).splitlines())}


@contextlib.contextmanager
def running(argv: Sequence[str], directory: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Its standard input stays open until the end."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=directory,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have used so far: its CPU-time clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_bytes(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) * 1024

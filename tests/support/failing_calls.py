"""Runs the real program while one call of the C library fails (tests/attack/failing_calls.cpp)."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cli import PROGRAM, Pindrill

SOURCE = Path(__file__).parents[1] / "attack" / "failing_calls.cpp"
HANG_S = 120
CALLS = {
    "open": (errno.EMFILE, errno.ENFILE, errno.EACCES),
    "socket": (errno.EMFILE,),
    "socketpair": (errno.EMFILE,),
    "bind": (errno.EACCES, errno.EADDRINUSE),
    "listen": (errno.EADDRINUSE,),
    "accept": (errno.EMFILE,),
    "pipe2": (errno.EMFILE,),
    "dup2": (errno.EBADF,),
    "epoll_create1": (errno.EMFILE,),
    "eventfd": (errno.EMFILE,),
    "write": (errno.ENOSPC, errno.EPIPE, errno.EIO),
    "read": (errno.EIO,),
    "pwrite64": (errno.ENOSPC,),
    "mkdir": (errno.ENOSPC, errno.EACCES),
    "rename": (errno.EACCES,),
    "chmod": (errno.EPERM,),
    "ftruncate64": (errno.EIO,),
    "execve": (errno.ENOMEM,),
    "execvp": (errno.EACCES,),
    "fork": (errno.EAGAIN, errno.ENOMEM),
    "pthread_create": (errno.EAGAIN,),
}
"""What each may fail with."""


@dataclass(frozen=True)
class Fault:
    call: str
    at: int
    error: int
    on: bool = False
    """All that come after it fail as well."""

    def __str__(self) -> str:
        return f"{self.call} {self.at}{' and on' if self.on else ''}: {errno.errorcode[self.error]}"


class Faults:
    def __init__(self, pindrill: Pindrill, library: Path) -> None:
        self._pindrill = pindrill
        self._library = library
        self._count = pindrill.directory / "count"

    def count(self, call: str, arguments: Sequence[str]) -> int:
        """How many there are when none fails."""
        self.troubles(Fault(call, 1 << 40, errno.EIO), arguments)
        return int.from_bytes(self._count.read_bytes(), "little")

    def troubles(self, fault: Fault, arguments: Sequence[str]) -> list[str]:
        """What is wrong with how the program ended; also where no verdict may be told."""
        pindrill = self._pindrill
        self._count.write_bytes(bytes(8))
        pindrill.json.unlink(missing_ok=True)
        how = "on" if fault.on else "once"
        environment = {
            **pindrill.environment,
            "LD_PRELOAD": str(self._library),
            "FAILING_CALL": f"{fault.call}:{fault.at}:{fault.error}:{how}",
            "FAILING_CALL_COUNT": str(self._count),
        }
        process = subprocess.Popen(
            [str(PROGRAM), *arguments],
            cwd=pindrill.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return [f"{fault}: hangs"]
        found = [f"exit {process.returncode}"] if process.returncode not in (0, 2, 3) else []
        found += ["a traceback"] if "Traceback" in err else []
        found += (
            ["no word of it"] if process.returncode == 3 and not (out + err).strip() and not _unheard(fault) else []
        )
        # Where all fail from some point on, a directory cannot be removed: the next run sweeps it.
        left = [each for each in pindrill.left_over() if not fault.on or each.startswith("process")]
        found += [f"left: {left}"] if left else []
        for path in pindrill.tmp.iterdir():
            subprocess.run(["rm", "-rf", str(path)], check=True)
        return [f"{fault}: {each}\n{out[-600:]}\n{err[-1500:]}" for each in found]


def _unheard(fault: Fault) -> bool:
    return fault.call == "write"


def build(directory: Path) -> Path:
    library = directory / "failing_calls.so"
    subprocess.run(["g++", "-std=c++20", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    return library


def spread(count: int, most: int) -> list[int]:
    """So many of 1 … count, the first and the last among them."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(index * (count - 1) / (most - 1)) for index in range(most)})

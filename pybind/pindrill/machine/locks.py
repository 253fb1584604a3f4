"""A results file has one writer: a second one would lose half of the lines without a word."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from pindrill.model import UsageError

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})


def lock(descriptor: int, path: Path) -> None:
    """Until it is closed. Before the first change, since the file of a run that is alive must not be touched.

    Pipes and devices have no lines to lose; some network file systems have no locks.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _owner(os.fstat(descriptor))
        who = f"process {pid}" if pid else "another process"
        raise UsageError(
            f"{path}: {who} is writing results there; name another file, or wait until it has ended"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _owner(file: os.stat_result) -> int:
    """As the kernel tells it; 0 if it does not."""
    wanted = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and wanted in words:
                return max(0, int(words[4]))
    return 0

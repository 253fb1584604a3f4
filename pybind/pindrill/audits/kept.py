"""Where what an app says is kept, if it was asked for: for its user's eyes only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pindrill.model import UsageError

_OTHERS = 0o077


def private_directory(path: Path) -> Path:
    """Made with 0700; one that was there already must be ours, and nobody else's to read. UsageError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise UsageError(f"{path}: cannot be a directory to write to: {error.strerror}") from error
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
        raise UsageError(
            f"{path}: others may look into it (mode {stat.S_IMODE(found.st_mode):04o}, user {found.st_uid}), and what "
            f"an app says is nobody else's: name a new directory, or `chmod 700 {path}`"
        )
    return path


def write_private(file: Path, content: bytes) -> None:
    """With 0600, whatever was there before; never through a link."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, 0o600)
        opened.write(content)

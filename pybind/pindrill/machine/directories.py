"""The private directories of a run. Nothing is removed that was not made here: an owner's file, open and locked while
its run lives, says so, and what a killed run left behind is swept by the next one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pindrill.interruption import Started, held

PREFIX = "pindrill-"
_OWNER = "owner"
_MARK = "a directory of a run of pindrill"
_LARGEST = 64 * 1024
_OLD_S = 60.0
"""Younger ones are left alone: whoever made it may just be handing it on."""


@dataclass(frozen=True)
class RunDirectory:
    """`owner`: the open file that holds the lock; it is not inherited by programs."""

    path: Path
    owner: int

    def write(self, **values: str) -> None:
        """Kept in the owner's file, for whoever inherits it."""
        _write(self.owner, values)

    def remove(self) -> None:
        """Only where the owner's file is still in it; what cannot be removed is left."""
        try:
            _remove(self.path, self.owner)
        finally:
            with suppress(OSError):
                os.close(self.owner)


def run_directory(started: Started, *, prefix: str = PREFIX) -> RunDirectory:
    """Private to the user, removed with what was started."""
    with held():  # Python writes a file to find out where temporary files may be
        parent = Path(tempfile.gettempdir())
    sweep(parent)
    return started.start(lambda: _make(prefix), RunDirectory.remove)


def inherited(descriptor: int) -> tuple[RunDirectory, dict[str, str]] | None:
    """The directory whose open owner's file was handed over, and what was written there; None if none was."""
    values = _read(descriptor)
    if values is None:
        return None
    path = Path(values["directory"])
    owner = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    if _is_in(path, owner):
        return RunDirectory(path, owner), values
    os.close(owner)
    return None


def sweep(parent: Path) -> None:
    """Removes what killed runs left: ours, private, old, with an owner's file that nobody holds."""
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _sweep(Path(entry.path))


def _sweep(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _private(os.fstat(directory)):
            return
        # Not blocking: it may be a pipe that somebody put there.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        owner = os.open(_OWNER, flags, dir_fd=directory)
    finally:
        os.close(directory)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _read(owner) is not None and abs(time.time() - os.fstat(owner).st_mtime) > _OLD_S:
            _remove(path, owner)
    finally:
        os.close(owner)


def _make(prefix: str) -> RunDirectory:
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        path.chmod(0o700)  # whatever the umask
        temporary = path / f".{_OWNER}"
        owner = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made = RunDirectory(path, owner)
            made.write(directory=str(path))
            temporary.rename(path / _OWNER)  # only now: whoever finds it finds it locked
        except BaseException:
            os.close(owner)
            raise
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return made


def _write(descriptor: int, values: dict[str, str]) -> None:
    data = json.dumps({"what": _MARK, **values}).encode()
    written = os.pwrite(descriptor, data, 0)
    os.ftruncate(descriptor, written)
    if written != len(data):
        raise OSError(28, os.strerror(28), _OWNER)


def _read(descriptor: int) -> dict[str, str] | None:
    """What an owner's file says; None where it is none of ours."""
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not _private(found):
            return None
        values = json.loads(os.pread(descriptor, _LARGEST, 0))
    except (OSError, ValueError):
        return None
    whole = isinstance(values, dict) and values.get("what") == _MARK and isinstance(values.get("directory"), str)
    return values if whole else None


def _private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _is_in(path: Path, owner: int) -> bool:
    """Is this open file the owner's file of a private directory there?"""
    try:
        return _private(path.lstat()) and os.path.samestat((path / _OWNER).lstat(), os.fstat(owner))
    except OSError:
        return False


def _remove(path: Path, owner: int) -> None:
    """By descriptors: a link that stands there in the meantime is not followed."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        inside = os.stat(_OWNER, dir_fd=directory, follow_symlinks=False)
        if not os.path.samestat(inside, os.fstat(owner)):
            return
        _empty(directory)
        os.unlink(_OWNER, dir_fd=directory)  # last: what is left before can be swept
        os.rmdir(path)
    except OSError:
        return
    finally:
        os.close(directory)


def _empty(directory: int) -> None:
    """Also directories that a client made unreadable."""
    for name in os.listdir(directory):
        if name == _OWNER:
            continue
        if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=directory)
            continue
        with suppress(OSError):
            shutil.rmtree(name, dir_fd=directory)
            continue
        _open_up(name, directory)
        shutil.rmtree(name, dir_fd=directory)


def _open_up(name: str, directory: int) -> None:
    with suppress(OSError):
        os.chmod(name, 0o700, dir_fd=directory)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            for each in os.listdir(inner):
                if stat.S_ISDIR(os.stat(each, dir_fd=inner, follow_symlinks=False).st_mode):
                    _open_up(each, inner)
        finally:
            os.close(inner)

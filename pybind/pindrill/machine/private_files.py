"""Files that are private, or that a verdict rests on: read only where nobody else can have put or changed them.

It is the open file that is looked at, not its name. A folder may stand below one that others write to (a CI's
workspace): what they could put in its place would be theirs, and is refused for that.
"""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 1 << 20
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


class NotOurs(Exception):
    """Another user has, or may have, a hand in it; says what is wrong and how to mend it."""


def read_private(path: Path, *, mend: Path | None = None) -> str:
    """What nobody else may read: keys. Raises NotOurs, OSError, UnicodeDecodeError.

    `mend`: the folder that is to be mended as a whole, where this is a part of it.
    """
    return _read(path, _OTHERS, mend)


def read_trusted(path: Path, *, mend: Path | None = None) -> str:
    """What lies in a private folder, whatever its own mode: certificates. Raises as `read_private`."""
    return _read(path, 0, mend)


def check_private_folder(path: Path, *, mend: Path | None = None) -> None:
    """Nobody else may enter it. Raises NotOurs, OSError."""
    _check_folder(path, _OTHERS, mend)


def check_trusted_folder(path: Path, *, mend: Path | None = None) -> None:
    """Nobody else may write to it. Raises NotOurs, OSError."""
    _check_folder(path, _OTHERS_WRITE, mend)


def make_private_folder(path: Path) -> None:
    """With its missing parents, for its owner only, whatever the umask. One that is there stays as it is."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """For its owner only, whatever the umask; whole, or not there."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)
            file.write(text)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _check_folder(path: Path, refused: int, mend: Path | None) -> None:
    descriptor = _opened(path, os.O_DIRECTORY)
    try:
        _check(path, os.fstat(descriptor), refused, mend)
    finally:
        os.close(descriptor)


def _read(path: Path, refused: int, mend: Path | None) -> str:
    with os.fdopen(_opened(path, os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise NotOurs(f"{path}: is no regular file; put the file itself there")
        _check(path, found, refused, mend)
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise NotOurs(f"{path}: is larger than {_MOST_BYTES >> 20} MiB, which nothing is that belongs there")
    return data.decode()


def _opened(path: Path, flags: int) -> int:
    if path.is_symlink():
        raise NotOurs(f"{path}: is a symbolic link; put the file or folder itself there")
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags)


def _check(path: Path, found: os.stat_result, refused: int, mend: Path | None) -> None:
    name = shlex.quote(str(mend or path))
    if found.st_uid not in _our_users():
        raise NotOurs(f"{path}: belongs to user {found.st_uid}; if it is yours, `chown -R {os.geteuid()} {name}`")
    mode = stat.S_IMODE(found.st_mode)
    if mode & refused:
        does = "write to" if mode & refused & _OTHERS_WRITE else "read"
        raise NotOurs(f"{path}: others may {does} it (mode {mode:o}); fix it with `chmod -R go= {name}`")


def _our_users() -> set[int]:
    """Ours and root's; under sudo also those of the user who called it."""
    users = {os.geteuid(), 0}
    with suppress(ValueError, KeyError):
        if os.geteuid() == 0:
            users.add(int(os.environ["SUDO_UID"]))
    return users

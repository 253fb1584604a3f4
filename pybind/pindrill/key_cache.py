"""RSA keys of this user's earlier runs, since making them takes long.

A cache is no promise: what is wrong is made again.
A key of another type or size under a scenario's label would make the scenario say what is not so.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pindrill import _core
from pindrill.machine.private_files import NotOurs, make_private_folder, read_private, write_private


def cached_key(label: str, kind: str) -> _core.KeyPair:
    """`kind`: of the key, as in `KeyPair.generate`. Words on stderr where the cache is not used as it stands."""
    folder = _folder()
    if folder is None:
        return _core.KeyPair.generate(kind)
    path = folder / f"{label}.pem"
    try:
        key = _core.KeyPair.from_pem(read_private(path))
    except FileNotFoundError:
        pass
    except (NotOurs, OSError, UnicodeDecodeError, _core.InputError) as error:
        _say(f"{_at(path, error)}; a new key is made")
    else:
        found = f"{key.type_name}{'' if key.has_private else ', without its private half'}"
        if key.has_private and found.lower() == kind:
            return key
        _say(f"{path}: is of type {found}, not {kind.upper()}; a new key is made")
    key = _core.KeyPair.generate(kind)
    try:
        make_private_folder(folder)
        write_private(path, key.private_pem())
    except OSError as error:
        _say(f"{_at(path, error)}; the key is not kept for later runs")
    return key


def _folder() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(base or Path.home() / ".cache") / "pindrill"
    except RuntimeError:  # a user without a home
        return None


def _at(path: Path, error: Exception) -> str:
    return str(error) if isinstance(error, NotOurs) else f"{path}: {getattr(error, 'strerror', None) or error}"


def _say(words: str) -> None:
    print(f"pindrill: {words}", file=sys.stderr)

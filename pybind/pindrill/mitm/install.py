"""Finds a mitmdump, or makes an environment of its own for one: it shares no dependencies with anybody."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.model import UsageError

ADDON = Path(__file__).with_name("addon.py")
OLDEST = (8, 0)
_INTERPRETERS = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", sys.executable)
_NEWEST_NEEDS = (3, 12)
_FOR_OLDER_PYTHON = "mitmproxy==11.0.2"
_VERSION_S = 60
_INSTALL_S = 1800


@dataclass(frozen=True)
class Mitmdump:
    path: Path
    version: str


def data_directory() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "pindrill" / "mitmproxy"


def find(wanted: Path | None = None) -> Mitmdump:
    """The one that is named, else that of `pindrill mitm install`, else the first on PATH."""
    if wanted:
        return _usable(wanted)
    for path in _candidates():
        return _usable(path)
    raise UsageError(
        "no mitmdump here: `pindrill mitm install` makes an environment with one, "
        "or name yours with --mitmdump PATH (mitmproxy 8 or later)"
    )


def found() -> list[Mitmdump | str]:
    """All that could be used, in the order in which they are taken; a text says why one cannot."""
    answers: list[Mitmdump | str] = []
    for path in _candidates():
        try:
            answers.append(_usable(path))
        except UsageError as error:
            answers.append(str(error))
    return answers


def install(directory: Path) -> Mitmdump:
    """Makes the environment anew, with the newest mitmproxy that the newest interpreter runs."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "pyvenv.cfg").exists():
        raise UsageError(f"{directory}: not empty, and no environment that was made before; name another with --dir")
    interpreter, version = _newest_interpreter()
    requirement = "mitmproxy" if version >= _NEWEST_NEEDS else _FOR_OLDER_PYTHON
    _run([interpreter, "-m", "venv", "--clear", str(directory)], "make an environment")
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, requirement], f"install {requirement}")
    return _usable(directory / "bin" / "mitmdump")


def _candidates() -> Iterator[Path]:
    own = data_directory() / "bin" / "mitmdump"
    if own.exists():
        yield own
    on_path = shutil.which("mitmdump")
    if on_path:
        yield Path(on_path)


def _usable(path: Path) -> Mitmdump:
    try:
        done = run_briefly([str(path), "--version"], patience_s=_VERSION_S)
    except (OSError, TookTooLong) as error:
        why = error if isinstance(error, OSError) else f"it says no version in {_VERSION_S:g} seconds"
        raise UsageError(f"{path}: cannot be run as mitmdump: {why}") from error
    told = re.search(r"Mitmproxy: (\d+)\.(\d+)(\S*)", done.stdout)
    if not told:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(f"{path}: no mitmdump that works: {words[-1] if words else 'it says nothing'}")
    version = told.group(1) + "." + told.group(2) + told.group(3)
    if (int(told.group(1)), int(told.group(2))) < OLDEST:
        raise UsageError(f"{path}: mitmproxy {version} is too old, 8.0 is the oldest; use `pindrill mitm install`")
    return Mitmdump(path.absolute(), version)


def _newest_interpreter() -> tuple[str, tuple[int, int]]:
    versions: dict[tuple[int, int], str] = {}
    for name in _INTERPRETERS:
        path = shutil.which(name)
        version = path and _version_of(path)
        if path and version:
            versions.setdefault(version, path)
    if not versions:
        raise UsageError("no Python interpreter that can make environments was found on PATH (venv is missing?)")
    newest = max(versions)
    return versions[newest], newest


def _version_of(path: str) -> tuple[int, int] | None:
    """None: it does not run, or has no venv."""
    script = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    try:
        done = run_briefly([path, "-c", script], patience_s=_VERSION_S)
    except (OSError, TookTooLong):
        return None
    numbers = done.stdout.split()
    return (int(numbers[0]), int(numbers[1])) if done.code == 0 and len(numbers) == 2 else None


def _run(command: list[str], what: str) -> None:
    try:
        done = run_briefly(command, patience_s=_INSTALL_S)
    except (OSError, TookTooLong) as error:
        why = error if isinstance(error, OSError) else f"it had not ended after {_INSTALL_S:g} seconds"
        raise UsageError(f"cannot {what}: {why}") from error
    if done.code != 0:
        raise UsageError(f"cannot {what}: {(done.stderr or done.stdout).strip()[-1500:]}")

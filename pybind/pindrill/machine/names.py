"""Makes the names under test resolve for an unmodified client, without editing the machine.

Entered once per run, by executing this program again where a private hosts file stands over /etc/hosts: a
namespace can only be entered by a process that has no other thread yet. The directory of the run is handed over as
standard input, the open file of its owner: the one descriptor that sudo lets through, and no name that an environment
could hold.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.clients.process import helper
from pindrill.interruption import Started, held, held_over_execution, release
from pindrill.machine.directories import RunDirectory, inherited
from pindrill.model import FOREIGN_HOST, HOST, SIBLING_HOST, UsageError

NAMES = helper("pindrill-names")
AGAIN = "pindrill.again"
"""The module that is executed where the names resolve."""
_HOSTS = Path("/etc/hosts")
_MARK = "# pindrill"
_LAUNCH_S = 30.0


def hosts_text(address: str, names: Iterable[str] = (HOST, SIBLING_HOST, FOREIGN_HOST)) -> str:
    """The machine's own hosts file, and the names under test, which hide what it says of them."""
    hidden = frozenset(names)
    own = (_HOSTS.read_text() if _HOSTS.exists() else "").splitlines()
    kept = [line for line in own if not hidden & frozenset(line.partition("#")[0].split()[1:])]
    return "".join(f"{line}\n" for line in kept) + _lines(address, names)


def _lines(address: str, names: Iterable[str] = (HOST, SIBLING_HOST, FOREIGN_HOST)) -> str:
    """With and without the trailing dot."""
    return "".join(f"{address} {name} {name}. {_MARK}\n" for name in names)


def resolves(address: str) -> bool:
    try:
        return socket.gethostbyname(HOST) == address
    except OSError:
        return False


def enter(address: str, directory: RunDirectory, arguments: list[str], more: Sequence[str] = ()) -> None:
    """Executes pindrill again where the names resolve, and `more` with them. Returns only if there is no way here."""
    hosts = directory.path / "hosts"
    hosts.write_text(hosts_text(address, (HOST, SIBLING_HOST, FOREIGN_HOST, *more)))
    hosts.chmod(0o644)
    directory.write(directory=str(directory.path), address=address)
    program = [sys.executable, "-P", "-m", AGAIN, *arguments]
    for launcher in launchers(hosts):
        if works(launcher):
            sys.stdout.flush()
            with held_over_execution():  # Ctrl-C while Python starts again would leave the directory
                os.dup2(directory.owner, 0)
                os.execvp(launcher[0], [*launcher, *program])  # noqa: S606


def take_over(started: Started) -> None:
    """For this program as it was executed again: the address and the directory that were handed to it."""
    handed = inherited(0)
    with held():
        release()
        if handed is None or "address" not in handed[1]:
            raise UsageError(f"{AGAIN} is what pindrill executes itself as; run `pindrill`")
        directory, values = handed
        started.undone_by(directory.remove)
        _here.append((values["address"], directory.path))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)


def here() -> tuple[str, Path] | None:
    """What was handed over; None: this program has not been executed again."""
    return _here[-1] if _here else None


_here: list[tuple[str, Path]] = []


def advice() -> UsageError:
    return UsageError(
        f"{HOST} cannot be made to resolve here: neither a mount namespace, nor a user namespace, nor `sudo -n` is "
        "allowed.\nEither let the client resolve it by its own option, with {address} in the command "
        "(curl: `--resolve {host}:{port}:{address}`),\nor allow pindrill to add lines to /etc/hosts for the time of "
        "the run: --edit-hosts"
    )


def edit_hosts(started: Started, address: str) -> None:
    """For containers that allow no namespaces: lines in the real hosts file, removed with what was started."""
    try:
        started.start(lambda: _add_lines(address), lambda _: _remove_lines())
    except OSError as error:
        raise UsageError(f"--edit-hosts: cannot write {_HOSTS}: {error.strerror}") from error


def _add_lines(address: str) -> None:
    _remove_lines()  # a killed run's
    kept = _HOSTS.read_text() if _HOSTS.exists() else ""
    try:
        with _HOSTS.open("a") as file:
            file.write(("" if kept.endswith("\n") or not kept else "\n") + _lines(address))
    except OSError:
        _remove_lines()  # a part of them may be there
        raise


def _remove_lines() -> None:
    """In place, since the file may be mounted; what is kept is never away, and needs no room."""
    kept = _unmarked_hosts()
    if _HOSTS.exists() and _HOSTS.read_text() != kept:
        with _HOSTS.open("r+") as file:
            file.write(kept)
            file.truncate()


def _unmarked_hosts() -> str:
    """Read again each time: others may edit the file during the run."""
    text = _HOSTS.read_text() if _HOSTS.exists() else ""
    return "".join(line for line in text.splitlines(keepends=True) if _MARK not in line)


def launchers(hosts: Path) -> list[list[str]]:
    """What can stand before a command to run it under this hosts file: as we are, or by the help of sudo."""
    own = [[str(NAMES), str(hosts), "--"]]
    if not shutil.which("sudo") or not shutil.which("setpriv") or os.getuid() == 0:
        return own
    back = ["setpriv", f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--init-groups"]
    return [*own, ["sudo", "-n", "-E", str(NAMES), str(hosts), "--", *back]]


def works(launcher: list[str]) -> bool:
    try:
        return run_briefly([*launcher, "true"], patience_s=_LAUNCH_S).code == 0
    except (OSError, TookTooLong):
        return False


def own_address() -> str:
    """A loopback address of this run's own, so that two runs can both watch the usual ports."""
    return f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"

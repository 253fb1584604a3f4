"""Makes the names under test resolve for an unmodified client, without editing the machine.

Entered once per run, by executing this program again where a private hosts file stands over /etc/hosts: a
namespace can only be entered by a process that has no other thread yet.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.clients.process import helper
from pindrill.model import FOREIGN_HOST, HOST, SIBLING_HOST, UsageError
from pindrill.runner.interruption import held

NAMES = helper("pindrill-names")
ADDRESS_VARIABLE = "PINDRILL_ADDRESS"
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


def enter(address: str, directory: Path, arguments: list[str], more: Sequence[str] = ()) -> None:
    """Executes pindrill again where the names resolve, and `more` with them. Returns only if there is no way here."""
    hosts = directory / "hosts"
    hosts.write_text(hosts_text(address, (HOST, SIBLING_HOST, FOREIGN_HOST, *more)))
    hosts.chmod(0o644)
    environment = {**os.environ, ADDRESS_VARIABLE: address, "PINDRILL_RUN_DIRECTORY": str(directory)}
    program = [sys.executable, "-m", "pindrill", *arguments]
    for launcher in launchers(hosts):
        if works(launcher):
            sys.stdout.flush()
            with held():  # Ctrl-C while Python starts again would leave the directory
                os.execvpe(launcher[0], [*launcher, *program], environment)  # noqa: S606


def advice() -> UsageError:
    return UsageError(
        f"{HOST} cannot be made to resolve here: neither a mount namespace, nor a user namespace, nor `sudo -n` is "
        "allowed.\nEither let the client resolve it by its own option, with {address} in the command "
        "(curl: `--resolve {host}:{port}:{address}`),\nor allow pindrill to add lines to /etc/hosts for the time of "
        "the run: --edit-hosts"
    )


@contextlib.contextmanager
def edited_hosts(address: str) -> Iterator[None]:
    """For containers that allow no namespaces: lines in the real hosts file, removed at the end."""
    try:
        kept = _unmarked_hosts()
        _HOSTS.write_text(kept + ("" if kept.endswith("\n") or not kept else "\n") + _lines(address))
    except OSError as error:
        raise UsageError(f"--edit-hosts: cannot write {_HOSTS}: {error.strerror}") from error
    try:
        yield
    finally:
        _HOSTS.write_text(_unmarked_hosts())


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

"""Programs that Python starts for a target, where the names under test resolve for them and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pindrill.clients.attempt_places import place_of
from pindrill.clients.callable import NotAccepted
from pindrill.clients.command import CommandDriver
from pindrill.machine import names
from pindrill.model import Said, Target, UsageError


def run(command: Sequence[str], target: Target, *, env: Mapping[str, str] | None = None) -> str:
    """Runs a client program for this target, as `pindrill drill -- COMMAND` does, and returns what it printed.

    The command may hold placeholders (`{url}`, `{ca_file}`, `{pins_curl}` …), and the host name resolves for it.
    """
    place = place_of(target)
    if place is None:
        raise UsageError("run: this target is over, or of another test; pass on the target that the client was given")
    if not command:
        raise UsageError("run: the command is empty; give the program and its arguments")
    uses_address = any("{address}" in part for part in command)
    before = [] if uses_address else launcher(place.target.address, place.home)
    report = (
        CommandDriver(command, environment=env, launcher=before).session(place.home).attempt(place.target, place.canary)
    )
    if report.said is not Said.ACCEPTED:
        raise NotAccepted(report)
    return report.stdout


def launcher(address: str, directory: Path) -> list[str]:
    """What stands before a command, so that the names under test resolve for it."""
    hosts = directory / "hosts"
    found = [str(names.NAMES), str(hosts), "--"]
    if not hosts.exists():
        hosts.write_text(names.hosts_text(address))
        hosts.chmod(0o644)
    if not names.works(found):
        raise UsageError(
            "names under test cannot be made to resolve for a program here, no namespace is allowed; let the client "
            "resolve them by its own option, with {address} in the command (curl: `--resolve {host}:{port}:{address}`)"
        )
    return found

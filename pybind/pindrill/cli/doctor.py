"""`pindrill doctor`: what works here, what is missing, how to get it."""

from __future__ import annotations

import os
import platform
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.mitm import print_found
from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.interruption import Started
from pindrill.keyring import VERSIONS, Keyring
from pindrill.machine import names
from pindrill.machine.directories import run_directory
from pindrill.model import HOST
from pindrill.reports.plain import harmless

_CLIENTS = {"curl": "curl", "wget": "wget", "git": "git", "node": "nodejs", "go": "golang-go",
            "java": "default-jdk-headless", "php": "php-cli", "ruby": "ruby"}  # fmt: skip
_SOON_DAYS = 30


_LOOK_UP_S = 30.0


def doctor(keyring: Annotated[Path | None, typer.Option(help="A keyring to look at as well.")] = None) -> None:
    """Say what works here, what is missing, and how to get it."""
    version, openssl = VERSIONS
    print(f"pindrill {version}, {openssl}, Python {platform.python_version()}")
    usable = [_names(), _usual_ports()]
    for program, package in _CLIENTS.items():
        found = shutil.which(program)
        print(f"{'ok' if found else '--':3} {program}: {found or f'not here; apt-get install {package}'}")
    print_found()
    if keyring:
        usable.append(_keyring(keyring))
    raise typer.Exit(0 if all(usable) else 3)


def _names() -> bool:
    with Started() as started:
        hosts = run_directory(started).path / "hosts"
        hosts.write_text(names.hosts_text("127.0.0.99"))
        said = ""
        for launcher in names.launchers(hosts):
            try:
                done = run_briefly([*launcher, "getent", "hosts", HOST], patience_s=_LOOK_UP_S)
            except (OSError, TookTooLong) as error:
                said = said or str(error) or f"no answer in {_LOOK_UP_S:g} seconds"
                continue
            if done.code == 0 and done.stdout.startswith("127.0.0.99"):
                print(f"ok  names under test resolve in a private mount namespace{_by(launcher)}")
                return True
            said = said or done.stderr.strip()
    print(harmless(f"--  names under test cannot be made to resolve: {said or 'hosts files are not consulted'}"))
    print("    use {address} in the client command (curl: --resolve {host}:{port}:{address}), or --edit-hosts")
    return False


def _by(launcher: list[str]) -> str:
    return f", by {launcher[0]}" if launcher[0] == "sudo" else ""


def _usual_ports() -> bool:
    limit = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if os.getuid() == 0 or limit <= 80:
        print("ok  ports 80 and 443 of the test hosts are watched for downgrades")
    else:
        print("--  ports 80 and 443 of the test hosts cannot be watched without root")
        print("    sysctl net.ipv4.ip_unprivileged_port_start=80 allows it")
    return True


def _keyring(directory: Path) -> bool:
    keyring = Keyring.open(directory)
    expiring = keyring.expiring()
    if expiring is None:
        print(f"--  {directory}: no certificate can be kept, as only public halves of the roots are here")
        return False
    label, end = expiring
    days = (end - int(time.time())) // 86400
    mark = "ok" if days > _SOON_DAYS else "--"
    print(f"{mark:3} {directory}: the first kept certificate to expire, of {label}, does so in {days} days")
    if days <= _SOON_DAYS:
        print(f"    {keyring.remedy(label)}")
    return days > 0

"""`pindrill doctor`: what works here, what is missing, how to get it."""

from __future__ import annotations

import platform
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from pindrill.keyring import VERSIONS, Keyring
from pindrill.machine.checks import names_resolve, usual_ports_can_be_watched
from pindrill.mitm.via import found_lines
from pindrill.reports.plain import harmless

_CLIENTS = {"curl": "curl", "wget": "wget", "git": "git", "node": "nodejs", "go": "golang-go",
            "java": "default-jdk-headless", "php": "php-cli", "ruby": "ruby"}  # fmt: skip
_SOON_DAYS = 30


def doctor(keyring: Annotated[Path | None, typer.Option(help="A keyring to look at as well.")] = None) -> None:
    """Say what works here, what is missing, and how to get it."""
    version, openssl = VERSIONS
    print(f"pindrill {version}, {openssl}, Python {platform.python_version()}")
    usable = [_names()]
    _usual_ports()
    for program, package in _CLIENTS.items():
        found = shutil.which(program)
        print(f"{'ok' if found else '--':3} {program}: {found or f'not here; apt-get install {package}'}")
    print("\n".join(found_lines()))
    if keyring:
        usable.append(_keyring(keyring))
    raise typer.Exit(0 if all(usable) else 3)


def _names() -> bool:
    works, how = names_resolve()
    if works:
        print(f"ok  names under test resolve in a private mount namespace{how}")
    else:
        print(harmless(f"--  names under test cannot be made to resolve: {how}"))
        print("    use {address} in the client command (curl: --resolve {host}:{port}:{address}), or --edit-hosts")
    return works


def _usual_ports() -> None:
    if usual_ports_can_be_watched():
        print("ok  ports 80 and 443 of the test hosts are watched for downgrades")
    else:
        print("--  ports 80 and 443 of the test hosts cannot be watched without root")
        print("    sysctl net.ipv4.ip_unprivileged_port_start=80 allows it")


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

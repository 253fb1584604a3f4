"""What of this machine a drill rests on: whether it works, in words."""

from __future__ import annotations

import os
from pathlib import Path

from pindrill.clients.briefly import TookTooLong, run_briefly
from pindrill.interruption import Started
from pindrill.machine import names
from pindrill.machine.directories import run_directory
from pindrill.model import HOST

_LOOK_UP_S = 30.0


def names_resolve() -> tuple[bool, str]:
    """And by which way, or why not."""
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
                return True, f", by {launcher[0]}" if launcher[0] == "sudo" else ""
            said = said or done.stderr.strip()
    return False, said or "hosts files are not consulted"


def usual_ports_can_be_watched() -> bool:
    limit = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    return os.getuid() == 0 or limit <= 80

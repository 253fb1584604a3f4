"""The repository of a newcomer: a Network Security Config, and curl."""

from __future__ import annotations

import json
from pathlib import Path

from support.cli import CURL, Pindrill, Ran

CURRENT, BACKUP = "7HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y=", "FEzVOUp4dF3gI0ZVPRJhFbSJVXR+uQmMH65xhs1glH4="
NSC = "app/src/main/res/xml/network_security_config.xml"


def network_security_config(*pins: str) -> str:
    """Without an expiration: nothing here is dated."""
    lines = "".join(f'      <pin digest="SHA-256">{pin}</pin>\n' for pin in pins)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<network-security-config>\n  <domain-config>\n'
        '    <domain includeSubdomains="true">example.com</domain>\n'
        f"    <pin-set>\n{lines}    </pin-set>\n  </domain-config>\n</network-security-config>\n"
    )


def write_pins(pindrill: Pindrill, *pins: str) -> Path:
    path = pindrill.directory / NSC
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(network_security_config(*pins))
    return path


def write_gate(pindrill: Pindrill, *parts: str, client: tuple[str, ...] | None = CURL, only: str = "IN5") -> None:
    """A pindrill.toml; `parts` are added to it."""
    text = f'[pins]\nfiles = ["{NSC}"]\n'
    if client:
        text += f'[[client]]\nname = "app"\ncommand = {json.dumps(client)}\n'
        text += f'[drill]\nonly = ["{only}"]\ntls = ["1.3"]\n'
    (pindrill.directory / "pindrill.toml").write_text(text + "\n".join(parts))


def gate(pindrill: Pindrill, *options: str) -> Ran:
    return pindrill.run("gate", "--json", str(pindrill.json), *options)


def last(ran: Ran) -> str:
    return ran.out.strip().splitlines()[-1]

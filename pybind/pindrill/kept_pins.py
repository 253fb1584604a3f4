"""The pins of a keyring, to be compiled into a client."""

from __future__ import annotations

import time
from collections.abc import Iterator

from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGIES, PinsOf


def keyring_lines(keyring: Keyring) -> Iterator[str]:
    """For people."""
    for kind, primary, backup in keyring_pins(keyring):
        yield f"{kind:18} sha256/{primary}\n{'  backup':18} sha256/{backup}"
    assert keyring.directory
    yield f"{'roots':18} {keyring.directory / 'certificates'}/root-*.pem"
    leaf = keyring.pinned_leaf("leaf-current")
    days = (leaf.not_after - int(time.time())) // 86400
    yield f"{'pinned leaf':18} expires in {days} days"


def keyring_pins(keyring: Keyring) -> list[tuple[str, str, str]]:
    """(strategy without backup, pin, backup), in base64."""
    mint = Mint(keyring)
    return [(each.kind, *mint.pins(each, PinsOf())[:2]) for each in STRATEGIES if each.backup]  # type: ignore[misc]

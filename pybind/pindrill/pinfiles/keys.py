"""A pindrill keyring as a pin file: the leaf keys that a client is built with."""

from __future__ import annotations

from pathlib import Path

from pindrill import _core
from pindrill.keyring import Keyring
from pindrill.model import HOST
from pindrill.pinfiles.model import DeclaredPin, PinFile, PinFormat, PinRule


def is_keyring(path: Path) -> bool:
    return (path / "keyring.json").is_file()


def read_keyring(path: Path) -> PinFile:
    """The strategy leaf-spki+backup; `pindrill pins of --keyring` prints the others."""
    keyring = Keyring.open(path)
    found = [_core.Pin.of_key(keyring.key(label)) for label in ("leaf-current", "leaf-backup")]
    pins = tuple(DeclaredPin(text=pin.base64, digest=bytes.fromhex(pin.hex)) for pin in found)
    return PinFile(path=str(path), format=PinFormat.KEYRING, rules=(PinRule(domain=HOST, pins=pins),))

"""A pindrill keyring as a pin file: the leaf keys that a client is built with."""

from __future__ import annotations

from pathlib import Path

from pindrill import _core
from pindrill.keyring import Keyring
from pindrill.model import HOST
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.pin_file import InFolder, PinFile, PinFormat


def _has(path: Path) -> bool:
    return (path / "keyring.json").is_file()


def _read(path: Path) -> PinFile:
    """The strategy leaf-spki+backup; `pindrill pins of --keyring` prints the others."""
    keyring = Keyring.open(path)
    found = [_core.Pin.of_key(keyring.key(label)) for label in ("leaf-current", "leaf-backup")]
    pins = tuple(DeclaredPin(text=pin.base64, digest=bytes.fromhex(pin.hex)) for pin in found)
    return PinFile(path=str(path), format=KEYRING, rules=(PinRule(domain=HOST, pins=pins),))


KEYRING = PinFormat(
    name="keyring",
    title="keyring",
    page="keyring.md",
    meaning="The leaf keys of the keyring, current and backup.",
    found=InFolder(has=_has, read=_read),
)

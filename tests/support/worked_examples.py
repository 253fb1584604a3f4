"""The worked examples of docs/rotation.md: their texts from the page, their certificates minted here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from support.planned import csr, intermediate, leaf, new_key, nsc, put, root, spki_pin

PAGE = Path(__file__).parents[2] / "docs" / "rotation.md"
_FENCE = re.compile(r"```(?:toml|csv|text) (file|plan)=(\S+)\n(.*?)```", re.DOTALL)


def texts(kind: str) -> dict[str, str]:
    """`file`: what stands in a file; `plan`: what `pindrill plan` prints of it."""
    return {name: text for found, name, text in _FENCE.findall(PAGE.read_text()) if found == kind}


def lay_out(example: str, place: Path) -> Path:
    """The example's directory with all its files."""
    directory = place / example
    directory.mkdir()
    for name, text in texts("file").items():
        if name.startswith(f"{example}/"):
            put(place / name, text)
    _MINTED[example](directory)
    return directory


def _renewals(directory: Path) -> None:
    authority = root("Example root")
    issuer, key, backup = intermediate("Example CA", authority), new_key(), new_key()
    put(directory / "current.pem", leaf(issuer, key, "2027-01-01"), issuer.pem, authority.pem)
    put(directory / "backup.csr", csr(backup))
    put(directory / "app-4.0.xml", nsc(spki_pin(key)))
    put(directory / "app-4.1.xml", nsc(spki_pin(key), spki_pin(backup)))


def _ca_switch(directory: Path) -> None:
    old, new = root("Old root"), root("New root")
    issuer, other, key, next_key = intermediate("Old CA", old), intermediate("New CA", new), new_key(), new_key()
    put(directory / "current.pem", leaf(issuer, key, "2027-02-01", days=90), issuer.pem)
    put(directory / "next.pem", leaf(other, next_key, "2027-04-01", days=90), other.pem)
    put(directory / "roots.pem", old.pem, new.pem)
    put(directory / "old-root.pem", old.pem)
    put(directory / "app-1.0.xml", nsc(old.pin))
    put(directory / "app-2.0.xml", nsc(old.pin, new.pin))


def _emergency(directory: Path) -> None:
    authority = root("Example root")
    issuer, key, backup = intermediate("Example CA", authority), new_key(), new_key()
    put(directory / "current.pem", leaf(issuer, key, "2027-05-01", days=90), issuer.pem, authority.pem)
    put(directory / "backup.csr", csr(backup))
    put(directory / "app-2.9.xml", nsc(spki_pin(key)))
    put(directory / "app-3.0.xml", nsc(spki_pin(key), spki_pin(backup)))


_MINTED: dict[str, Callable[[Path], None]] = {
    "renewals": _renewals,
    "ca-switch": _ca_switch,
    "emergency": _emergency,
}
EXAMPLES = tuple(_MINTED)

"""`pindrill pins` and `pindrill keyring`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from pindrill.keyring import InputError, Keyring
from pindrill.mint import Mint, pins_of_text
from pindrill.model import STRATEGIES, PinsOf, UsageError

keyring_app = typer.Typer(help="Kept keys, so that pins can be compiled into an app once.", no_args_is_help=True)


def pins(
    file: Annotated[Path | None, typer.Argument(help="A PEM certificate, chain, key or CSR.")] = None,
    keyring: Annotated[Path | None, typer.Option(help="The pins of a keyring.")] = None,
) -> None:
    """Print pins in the notations in use."""
    if (file is None) == (keyring is None):
        raise UsageError("give either a FILE or --keyring DIR")
    if keyring is not None:
        _print_keyring(Keyring.open(keyring))
        return
    assert file is not None
    whose = ""
    try:
        for subject, pin in pins_of_text(_read(file)):
            if subject != whose:
                print(whose := subject)
            _print_pin(pin)
    except InputError as error:
        raise UsageError(f"{file}: {error}") from error


@keyring_app.command("create")
def create(directory: Path) -> None:
    """Make a keyring; put its roots into the client's store and its pins into the client."""
    _print_keyring(Keyring.create(directory))


@keyring_app.command("import")
def import_key(directory: Path, label: str, file: Path) -> None:
    """Put a staging server's key under a label; of a public key, certificate or CSR only the public half."""
    keyring = Keyring.open(directory)
    if label not in keyring.labels():
        raise UsageError(f"no label '{label}' in {directory}; there are: {', '.join(keyring.labels())}")
    try:
        key = keyring.import_key(label, _read(file))
    except InputError as error:
        raise UsageError(f"{file}: {error}") from error
    half = "private key" if key.has_private else "public key only: scenarios that would serve it are unsupported"
    print(f"{label}: {key.type_name}, {half}")
    _print_pin(pins_of_text(key.public_pem())[0][1])


def _print_keyring(keyring: Keyring) -> None:
    mint = Mint(keyring)
    for strategy in STRATEGIES:
        if strategy.backup:
            continue
        primary, backup = mint.pins(strategy, PinsOf())[0], None
        full = next(s for s in STRATEGIES if s.kind == strategy.kind and s.backup)
        backup = mint.pins(full, PinsOf())[1]
        print(f"{strategy.kind:18} sha256/{primary}\n{'  backup':18} sha256/{backup}")
    assert keyring.directory
    print(f"{'roots':18} {keyring.directory / 'certificates'}/root-*.pem")
    leaf = keyring.pinned_leaf("leaf-current")
    days = (leaf.not_after - int(time.time())) // 86400
    print(f"{'pinned leaf':18} expires in {days} days")


def _print_pin(pin: Any) -> None:
    what = "key (SPKI)" if pin.of == "spki" else "certificate"
    print(f"  {what}")
    if pin.of == "spki":
        print(f"    OkHttp, TrustKit        sha256/{pin.base64}")
        print(f"    curl, wget, git         sha256//{pin.base64}")
        print(f'    HPKP                    pin-sha256="{pin.base64}"')
        print(f"    Android NSC, Apple ATS  {pin.base64}")
    print(f"    hex                     {pin.hex}")
    print(f"    colon hex               {pin.colon_hex}")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as PEM text: {error}") from error

"""`pindrill keyring`, and pins in the notations in use."""

from __future__ import annotations

from pathlib import Path

import typer

from pindrill.kept_pins import keyring_lines
from pindrill.keyring import InputError, Keyring
from pindrill.mint import pins_of_text
from pindrill.model import UsageError
from pindrill.pem import read_pem
from pindrill.reports.pins_text import pin_lines

keyring_app = typer.Typer(help="Kept keys, so that pins can be compiled into an app once.", no_args_is_help=True)


@keyring_app.command("create")
def create(directory: Path) -> None:
    """Make a keyring; put its roots into the client's store and its pins into the client."""
    print("\n".join(keyring_lines(Keyring.create(directory))))


@keyring_app.command("import")
def import_key(directory: Path, label: str, file: Path) -> None:
    """Put a staging server's key under a label; of a public key, certificate or CSR only the public half."""
    keyring = Keyring.open(directory)
    if label not in keyring.labels():
        raise UsageError(f"no label '{label}' in {directory}; there are: {', '.join(keyring.labels())}")
    try:
        key = keyring.import_key(label, read_pem(file))
    except InputError as error:
        raise UsageError(f"{file}: {error}") from error
    half = "private key" if key.has_private else "public key only: scenarios that would serve it are unsupported"
    print(f"{label}: {key.type_name}, {half}")
    print("\n".join(pin_lines(pins_of_text(key.public_pem())[0][1])))

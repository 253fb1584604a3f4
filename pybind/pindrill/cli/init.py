"""`pindrill init`: a commented pindrill.toml, and a CI file that runs the gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pindrill.clients.command import CommandDriver
from pindrill.gate.new_files import Ci, new_files, pin_files_in, write_new
from pindrill.reports.plain import harmless


def init(
    command: Annotated[list[str] | None, typer.Argument(help="A client command to drill, behind `--`.")] = None,
    ci: Annotated[Ci | None, typer.Option(help="Also write a CI file.")] = None,
) -> None:
    """Write pindrill.toml for this directory, with the pin files that are found in it."""
    if command:
        CommandDriver(command)  # says now what cannot be run
    pin_files = list(pin_files_in(Path()))
    write_new(made := new_files(pin_files, command or [], ci))
    for path in made:
        print(harmless(f"wrote {path}"))
    print(harmless(f"pin files found: {', '.join(pin_files) or 'none; name yours under [pins] files'}"))
    if not command:
        print("no client yet: fill in [[client]], or begin again with `pindrill init -- COMMAND`")
    if pin_files or command:
        print("next: pindrill gate")
    if ci:
        print("in CI: set PINDRILL_WHEEL to the path or https URL of pindrill's wheel, or PINDRILL_INDEX to your index")

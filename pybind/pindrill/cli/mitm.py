"""`pindrill mitm`: an environment for mitmproxy, and the addon."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from pindrill.mitm.install import ADDON, data_directory, find, install

mitm_app = typer.Typer(help="mitmproxy as the interceptor.", no_args_is_help=True)


@mitm_app.command("install")
def install_mitmproxy(
    directory: Annotated[Path | None, typer.Option("--dir", help="Where to, if not the data directory.")] = None,
) -> None:
    """Make an environment of its own with the newest mitmproxy for the interpreters that are here."""
    made = install(directory or data_directory())
    print(f"mitmproxy {made.version}: {made.path}")
    if directory:
        print(f"use it with --mitmdump {made.path}")


@mitm_app.command("addon")
def addon() -> None:
    """Print the path for `mitmdump -s $(pindrill mitm addon)`: a verdict per destination, in any set-up."""
    print(ADDON)


@mitm_app.command("watch")
def watch(
    arguments: Annotated[list[str] | None, typer.Argument(help="mitmdump's own options, behind --.")] = None,
    controls: Annotated[bool, typer.Option("--controls", help="Let it judge refusals: docs/mitmproxy.md.")] = False,
    mitmdump: Annotated[Path | None, typer.Option("--mitmdump", help="Which mitmdump, if not the usual one.")] = None,
    channel: Annotated[int | None, typer.Option("--channel", hidden=True, help="Of the addon that started it.")] = None,
) -> None:
    """Start mitmdump with the addon: a verdict per destination as traffic comes."""
    if channel is not None:
        from pindrill.mitm.watch import Watch  # noqa: PLC0415  (every drill loads this module)

        return Watch(socket.socket(fileno=channel)).run()
    program = str(find(mitmdump).path)
    chosen = ["--set", "pindrill_controls=true"] if controls else []
    os.environ["PINDRILL_PYTHON"] = sys.executable
    os.execv(program, [program, "-s", str(ADDON), *chosen, *(arguments or [])])  # noqa: S606
    return None

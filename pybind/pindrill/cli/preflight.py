"""`pindrill preflight`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.options import AsOf, JsonLines, read_at, takes
from pindrill.machine.outputs import write_lines
from pindrill.pinfiles import read_all
from pindrill.pinfiles.hosts import host_asked
from pindrill.preflight import check, read_chain, read_trust
from pindrill.preflight.model import exit_code
from pindrill.preflight.text import shown


@dataclass(frozen=True, kw_only=True)
class PreflightWords:
    pins: Annotated[list[Path], typer.Option(metavar="FILE", help="A pin file as shipped; repeatable.")]
    chain: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A planned chain, PEM, the server's own first; repeatable.")
    ]
    current: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The chain served today: who accepts it after rolling back?")
    ] = None
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The roots that devices trust, PEM. Default: assumed, and said.")
    ] = None
    host: Annotated[list[str] | None, typer.Option(help="Instead of the hosts that file and chain share.")] = None
    at: AsOf = None
    json_file: JsonLines = None


@takes(PreflightWords)
def preflight(words: PreflightWords) -> None:
    """Whom would the next certificate lock out? Per shipped pin file and planned chain, before it is deployed.

    Exit code 0: every correct client accepts it by a pin; 1: somebody would be locked out or unprotected; 2: usage;
    3: could not be judged.
    """
    when = read_at(words.at)
    given = read_trust(words.trust) if words.trust else None
    files = [found for path in words.pins for found in read_all(path)]
    hosts = [host_asked(name, "--host") for name in words.host or ()]
    planned = check(files, [read_chain(path, given) for path in words.chain], at=when, hosts=hosts)
    back = check(files, [read_chain(words.current, given)], at=when, hosts=hosts) if words.current else []
    lines = [
        {"served": served, **each.to_json()} for served, found in (("next", planned), ("back", back)) for each in found
    ]
    write_lines(words.json_file, lines)
    if words.json_file != "-":
        print("\n".join(shown(files, planned, back)))
    raise typer.Exit(exit_code([each.status for each in planned]))

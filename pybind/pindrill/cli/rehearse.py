"""`pindrill rehearse`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.options import ClientWords, JsonLines, PlanPath, takes
from pindrill.drills.asked import read_versions
from pindrill.drills.lab import Lab
from pindrill.drills.place import enter_place
from pindrill.drills.subjects import read_subjects
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine.outputs import write_lines
from pindrill.model import HOST, UsageError
from pindrill.preflight.plan_file import read_plan
from pindrill.rehearsal.cast import Cast
from pindrill.rehearsal.compiled import compiled_in_of
from pindrill.rehearsal.play import Rehearsal
from pindrill.rehearsal.text import exit_code, shown


@dataclass(frozen=True, kw_only=True)
class RehearseWords:
    file: PlanPath
    how: ClientWords
    client: Annotated[Path | None, typer.Option(help="A client file (client.toml) instead.")] = None
    keyring: Annotated[Path | None, typer.Option(help="Real keys, put in by `pindrill keyring import`.")] = None
    pinned: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The pin file that is compiled into the client.")
    ] = None
    json_file: JsonLines = None


@takes(RehearseWords)
def rehearse(words: RehearseWords) -> None:
    """Play a rotation plan on a real client: each step before, after, and rolled back; beside what was predicted.

    Exit code 0: the client did what was predicted; 1: it did something else; 2: usage; 3: could not be judged.
    """
    how, client = words.how, words.client
    if not 0 < how.deadline < 1e6:
        raise UsageError("--deadline is a number above 0")
    plan = read_plan(words.file)
    versions = read_versions(how.tls)
    if how.command and client:
        raise UsageError("one client is rehearsed: give `-- COMMAND` or --client FILE, not both")
    [subject] = read_subjects(how.command or [], [client] if client else [], how.adapter, how.given())
    compiled_in = compiled_in_of(subject, words.pinned, how.edit_hosts)
    host = plan.hosts[0] if compiled_in else HOST
    cast = Cast(Keyring.open(words.keyring) if words.keyring else Keyring(), host)
    with Started() as stack:
        # Executes this program again, so nothing is printed before.
        place = enter_place([subject], how.edit_hosts, stack, () if host == HOST else (host,))
        lab = stack.start(lambda: Lab(deadline_s=how.deadline, place=place), Lab.close)
        bench = lab.bench(stack, subject, mint=cast)
        lines = list(Rehearsal(plan, cast, bench, subject.semantics, compiled_in=compiled_in).lines(versions))
    write_lines(words.json_file, [line.to_json() for line in lines])
    if words.json_file != "-":
        print("\n".join(shown(lines)))
    raise typer.Exit(exit_code(lines))

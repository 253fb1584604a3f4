"""`pindrill rehearse`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.preflight import write_lines
from pindrill.drills.asked import read_assignment, read_semantics, read_versions
from pindrill.drills.drilling import enter_place
from pindrill.drills.lab import Lab
from pindrill.drills.subjects import ClientOptions, Subject, read_subjects
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.model import HOST, UsageError
from pindrill.pinfiles import PinFile, read_all
from pindrill.preflight.model import WORDS, Status
from pindrill.preflight.plan_file import read_plan
from pindrill.rehearsal.cast import Cast
from pindrill.rehearsal.play import Rehearsal, RehearsalLine
from pindrill.reports.plain import counted, harmless


def rehearse(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A rotation plan, TOML.")],
    command: Annotated[list[str] | None, typer.Argument(help="The client command, behind `--`.")] = None,
    client: Annotated[Path | None, typer.Option(help="A client file (client.toml) instead.")] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="The command is a JSON Lines adapter.")] = False,
    keyring: Annotated[Path | None, typer.Option(help="Real keys, put in by `pindrill keyring import`.")] = None,
    pinned: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The pin file that is compiled into the client.")
    ] = None,
    tls: Annotated[list[str] | None, typer.Option(help="1.2 or 1.3; repeatable. Default: both.")] = None,
    semantics: Annotated[
        str | None, typer.Option(help="Declared semantics, such as position=leaf,mode=replace,host=off.")
    ] = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the client; repeatable.")] = None,
    deadline: Annotated[float, typer.Option(help="Seconds for one attempt.")] = 10.0,
    edit_hosts: Annotated[bool, typer.Option("--edit-hosts", help="Add lines to /etc/hosts for the run.")] = False,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON Lines here; - is standard output.")
    ] = None,
) -> None:
    """Play a rotation plan on a real client: each step before, after, and rolled back; beside what was predicted.

    Exit code 0: the client did what was predicted; 1: it did something else; 2: usage; 3: could not be judged.
    """
    if not 0 < deadline < 1e6:
        raise UsageError("--deadline is a number above 0")
    plan = read_plan(file)
    versions = read_versions(tls)
    given = ClientOptions(
        environment=dict(read_assignment(text) for text in env or []),
        semantics=read_semantics(semantics) if semantics else None,
        respond=None,
        ignore_exit_code=False,
    )
    if command and client:
        raise UsageError("one client is rehearsed: give `-- COMMAND` or --client FILE, not both")
    [subject] = read_subjects(command or [], [client] if client else [], adapter, given)
    compiled_in = _compiled_in(subject, pinned, edit_hosts)
    host = plan.hosts[0] if compiled_in else HOST
    cast = Cast(Keyring.open(keyring) if keyring else Keyring(), host)
    with Started() as stack:
        # Executes this program again, so nothing is printed before.
        place = enter_place([subject], edit_hosts, stack, () if host == HOST else (host,))
        lab = stack.start(lambda: Lab(deadline_s=deadline, place=place), Lab.close)
        bench = lab.bench(stack, subject, mint=cast)
        lines = list(Rehearsal(plan, cast, bench, subject.semantics, compiled_in=compiled_in).lines(versions))
    write_lines(json_file, [line.to_json() for line in lines])
    if json_file != "-":
        print("\n".join(_shown(lines)))
    raise typer.Exit(_exit_code(lines))


def _compiled_in(subject: Subject, pinned: Path | None, edit_hosts: bool) -> Sequence[PinFile]:
    """The pins of a client that cannot be told any."""
    if subject.tells_pins:
        if pinned:
            raise UsageError("--pinned is for pins that are compiled in, but the client command has a pin placeholder")
        return ()
    if not pinned:
        raise UsageError(
            "the client's command has no pin placeholder, so it cannot be told the pins of each file; "
            "name the pin file that is compiled into it: --pinned FILE"
        )
    if edit_hosts:
        raise UsageError("--edit-hosts would send every program of this machine here that contacts the plan's host")
    return read_all(pinned)


def _exit_code(lines: Sequence[RehearsalLine]) -> int:
    found = {line.agrees for line in lines}
    return 1 if False in found else 3 if None in found or not found else 0


_DID = {
    "accepted": "accepted",
    "refused": "refused",
    "unclear": "left it unclear",
    "unsupported": "cannot be told",
}


def _shown(lines: Sequence[RehearsalLine]) -> list[str]:
    shown: list[str] = []
    title = ""
    for line in lines:
        now = f"Step {line.step} ({line.name}), {line.file}, TLS {line.tls}"
        if now != title:
            title = now
            shown.append(harmless(title) + ("" if line.real_key else ", with stand-ins"))
        mark = {True: "as predicted", False: "NOT as predicted", None: "cannot be compared"}[line.agrees]
        why = f": {line.reason}" if line.agrees is not True else ""
        if line.otherwise:
            why = f": by this client's declared semantics: {WORDS[Status(line.otherwise)]}"
        words = WORDS[Status(line.predicted)]
        shown.append(harmless(f"  {line.phase:6} predicted: {words}; it {_DID[line.did]}: {mark}{why}"))
    wrong = sum(line.agrees is False for line in lines)
    unsaid = sum(line.agrees is None for line in lines)
    counts = [f"{counted(len(lines), 'attempt')}"]
    counts += [f"{wrong} not as predicted"] if wrong else []
    counts += [f"{unsaid} cannot be compared"] if unsaid else []
    return [*shown, ", ".join(counts)]

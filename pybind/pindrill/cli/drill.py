"""`pindrill drill`."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pindrill.cli.mitm import print_misled, read_via
from pindrill.drills.asked import (
    read_assignment,
    read_scenarios,
    read_semantics,
    read_strategies,
    read_versions,
    refuse_nothing,
)
from pindrill.drills.drilling import (
    drill_all,
    enter_place,
    exit_code_of,
    exit_code_with,
    read_shard,
    written,
)
from pindrill.drills.options import DrillOptions
from pindrill.drills.subjects import ClientOptions, read_subjects, refuse_strategies_without_pins
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.mitm.install import find as find_mitmdump
from pindrill.mitm.servers import MitmServers
from pindrill.model import UsageError
from pindrill.reports import junit, text
from pindrill.results.file import ResultFile
from pindrill.results.newest import latest


def drill(
    command: Annotated[list[str] | None, typer.Argument(help="The client command, behind `--`.")] = None,
    client: Annotated[list[Path] | None, typer.Option(help="A client file (client.toml); repeatable.")] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Run the command there; its relative paths start from it.")
    ] = None,
    adapter: Annotated[bool, typer.Option("--adapter", help="The command is a JSON Lines adapter.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Scenario id, short code or glob; repeatable.")] = None,
    strategy: Annotated[list[str] | None, typer.Option(help="Pin strategy, or `all`; repeatable.")] = None,
    tls: Annotated[list[str] | None, typer.Option(help="1.2 or 1.3; repeatable. Default: both.")] = None,
    pinned: Annotated[str | None, typer.Option(help="What is compiled into the client: a strategy, or `none`.")] = None,
    keyring: Annotated[Path | None, typer.Option(help="Kept keys; made by `pindrill keyring create`.")] = None,
    semantics: Annotated[
        str | None, typer.Option(help="Declared semantics, such as position=leaf,mode=replace,host=off.")
    ] = None,
    respond: Annotated[Path | None, typer.Option(help="The answer to give: head lines, empty line, body.")] = None,
    which: Annotated[str, typer.Option("--set", help="all or core.")] = "all",
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the client; repeatable.")] = None,
    exit_code: Annotated[str, typer.Option(help="`ignore` for wrappers that always say 0.")] = "judge",
    deadline: Annotated[float, typer.Option(help="Seconds for one attempt.")] = 10.0,
    jobs: Annotated[int, typer.Option(help="Cells at once. Default: one per core.")] = 0,
    repeat: Annotated[int, typer.Option(help="Run every cell so many times.")] = 1,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Run the I-th of N parts; `pindrill merge` joins their --json files.")
    ] = "1/1",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write results here, a JSON line a cell.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file here.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the finished cells of the --json file.")] = False,
    key_log: Annotated[Path | None, typer.Option(help="Append TLS secrets here, for Wireshark.")] = None,
    edit_hosts: Annotated[bool, typer.Option("--edit-hosts", help="Add lines to /etc/hosts for the run.")] = False,
    via: Annotated[str | None, typer.Option(help="`mitmproxy`: it shows the credentials; judged as ever.")] = None,
    mitmdump: Annotated[Path | None, typer.Option(help="The mitmdump to use with --via mitmproxy.")] = None,
) -> None:
    """Rehearse interception and rotation on a client, and say what it did, with evidence."""
    wanted = read_scenarios(only, which)
    versions = read_versions(tls)
    strategies = read_strategies(strategy)
    if not 0 < deadline < math.inf or repeat < 1 or jobs < 0:
        raise UsageError("--deadline is a number above 0, --repeat at least 1, --jobs at least 0")
    if resume and not json_file:
        raise UsageError("--resume needs the file to go on with: --json FILE")
    if exit_code not in ("judge", "ignore"):
        raise UsageError(f"--exit-code is judge or ignore, not '{exit_code}'")
    through_mitmproxy = read_via(via, mitmdump)
    if through_mitmproxy and key_log:
        raise UsageError("--key-log is for our own servers; mitmproxy writes one when MITMPROXY_SSLKEYLOGFILE is set")
    given = ClientOptions(
        environment=dict(read_assignment(text_) for text_ in env or []),
        semantics=read_semantics(semantics) if semantics else None,
        respond=respond,
        ignore_exit_code=exit_code == "ignore",
    )
    subjects = read_subjects(command or [], client or [], adapter, given, directory)
    refuse_strategies_without_pins(subjects, strategies, pinned, keyring)
    if junit_file:
        refuse_unwritable(junit_file)
    if key_log:
        refuse_unwritable(key_log, mode=0o600)
    asked = DrillOptions(
        scenarios=wanted,
        strategies=strategies,
        versions=versions,
        pinned=pinned,
        keyring=keyring,
        semantics=semantics,
        deadline_s=deadline,
        jobs=jobs or os.cpu_count() or 1,
        rounds=repeat,
        shard=read_shard(shard),
        key_log=key_log,
        edit_hosts=edit_hosts,
    )
    refuse_nothing(asked.scenarios, asked.pinned_strategies, asked.versions)
    with Started() as stack:
        if keyring:
            Keyring.open_to_drill(keyring)  # what is wrong with it is said before this program starts itself again
        place = enter_place(subjects, edit_hosts, stack)
        if through_mitmproxy:
            # Only now, since this program has started itself again: mitmdump takes a second to tell its version.
            found = find_mitmdump(mitmdump)
            asked = replace(asked, via=stack.start(lambda: MitmServers(found), MitmServers.close))
        results = stack.start(lambda: ResultFile(json_file, resume=resume), ResultFile.close) if json_file else None
        tally = drill_all(subjects, asked, place, results)
    lines = latest(tally.lines)
    troubles = [written(junit_file, junit.render(lines))] if junit_file else []
    troubles += [results.trouble] if results else []
    text.print_report(Console(width=None if sys.stdout.isatty() else 120), lines, tally.stale, tally.interrupted)
    print_misled(asked.via.told if asked.via else None)
    raise typer.Exit(exit_code_with(troubles, exit_code_of(lines, tally)))


def refuse_unwritable(path: Path, *, mode: int = 0o666) -> None:
    """Now, not after the whole drill. `mode`: of a file that is not there yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error

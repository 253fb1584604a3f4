"""`pindrill drill`."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pindrill.cli.asked import read_assignment, read_scenarios, read_semantics, read_strategies, read_versions
from pindrill.cli.stored import latest
from pindrill.cli.subjects import Given, Subject, read_pinning, read_subjects, refuse_strategies_without_pins
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGY, UNJUDGED, VIOLATIONS, UsageError, VerdictWord
from pindrill.reports import junit, text
from pindrill.runner import names
from pindrill.runner.bench import Bench, own_address, run_directory
from pindrill.runner.drill import Drill, Request
from pindrill.runner.plan import Cell
from pindrill.runner.results import Result, ResultFile


@dataclass
class Tally:
    """What the results of all clients come to."""

    lines: list[Result] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    interrupted: bool = False


def drill(
    command: Annotated[list[str] | None, typer.Argument(help="The client command, behind `--`.")] = None,
    client: Annotated[list[Path] | None, typer.Option(help="A client file (client.toml); repeatable.")] = None,
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
    json_file: Annotated[Path | None, typer.Option("--json", help="Write results here, a JSON line a cell.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file here.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the finished cells of the --json file.")] = False,
    key_log: Annotated[Path | None, typer.Option(help="Append TLS secrets here, for Wireshark.")] = None,
    edit_hosts: Annotated[bool, typer.Option("--edit-hosts", help="Add lines to /etc/hosts for the run.")] = False,
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
    given = Given(
        environment=dict(read_assignment(text_) for text_ in env or []),
        semantics=read_semantics(semantics) if semantics else None,
        respond=respond,
        ignore_exit_code=exit_code == "ignore",
    )
    subjects = read_subjects(command or [], client or [], adapter, given)
    refuse_strategies_without_pins(subjects, strategies, pinned, keyring)
    if junit_file:
        _refuse_unwritable(junit_file)
    keys = Keyring.open(keyring) if keyring else Keyring()
    with ExitStack() as stack:
        address, directory = _place(subjects, edit_hosts, stack)
        results = ResultFile(json_file, resume=resume) if json_file else None
        if results:
            stack.callback(results.close)
        tally = Tally(lines=list(results.earlier) if results else [])
        for number, subject in enumerate(subjects):
            place = directory / f"client-{number}"
            place.mkdir()
            request = Request(
                client=subject.name,
                scenarios=wanted,
                strategies=(STRATEGY[pinned],) if pinned and pinned != "none" else strategies,
                versions=versions,
                semantics=subject.semantics,
                pinning=read_pinning(subject.make_driver, pinned, keyring),
                rounds=repeat,
                jobs=jobs or os.cpu_count() or 1,
                repeat_command=_repeat_command(subject, keyring, pinned, deadline, semantics),
                done=_done(tally.lines, subject.name),
            )
            mint = Mint(keys)
            bench = Bench(
                mint,
                subject.make_driver(place),
                address=address,
                deadline_s=deadline,
                respond=subject.respond,
                directory=place,
                key_log_file=key_log,
            )
            stack.callback(bench.close)
            _run(Drill(bench, mint, request), subject, tally, results, bench.unwatched if number == 0 else [])
            bench.close()
            if tally.interrupted:
                break
    lines = latest(tally.lines)
    if junit_file:
        junit_file.write_text(junit.render(lines))
    text.print_report(Console(width=None if sys.stdout.isatty() else 120), lines, tally.stale, tally.interrupted)
    raise typer.Exit(_exit_code(lines, tally))


def _refuse_unwritable(path: Path) -> None:
    """Now, not after the whole drill."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _run(drill: Drill, subject: Subject, tally: Tally, results: ResultFile | None, unwatched: Sequence[str]) -> None:
    console = Console(stderr=True)
    for gap in unwatched:
        console.print(f"not watched for downgrades: {gap}", highlight=False)
    mine: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(subject.name, total=None)

        def emit(line: Result, total: int) -> None:
            known = next((k for k in subject.known if k.covers(line) and k.verdict == line["verdict"]), None)
            line = {
                **line,
                "client_version": subject.version,
                "known": {"reason": known.reason, "source": known.source} if known else None,
            }
            mine.append(line)
            tally.lines.append(line)
            if results:
                results.append(line)
            progress.update(bar, total=total, advance=1)

        verdicts = drill.run(emit)
    tally.interrupted = verdicts.interrupted
    tally.stale += _stale(subject, mine) if not verdicts.interrupted else []
    if not console.is_terminal:
        console.print(f"{subject.name}: {len(mine)} cells", highlight=False)


def _stale(subject: Subject, lines: Sequence[Result]) -> list[str]:
    """Listed deviations that no longer happen, of the cells that were run."""
    return [
        f"{subject.name}: {', '.join(known.scenarios)} is listed as a known {known.verdict}, but did not happen"
        for known in subject.known
        if any(known.covers(line) for line in lines)
        and not any(known.covers(line) and line["verdict"] == known.verdict for line in lines)
    ]


def _exit_code(lines: Sequence[Result], tally: Tally) -> int:
    words = {VerdictWord(line["verdict"]) for line in lines if not line.get("known")}
    if words & VIOLATIONS or tally.stale:
        return 1
    judged = {VerdictWord(line["verdict"]) for line in lines} - {VerdictWord.UNSUPPORTED}
    return 3 if words & UNJUDGED or tally.interrupted or not judged else 0


def _done(lines: Sequence[Result], client: str) -> frozenset[tuple[str, str, str, int]]:
    return frozenset((r["scenario"], r["strategy"], r["tls"], r["round"]) for r in lines if r["client"] == client)


def _repeat_command(
    subject: Subject, keyring: Path | None, pinned: str | None, deadline: float, semantics: str | None
) -> Any:
    options = ["--keyring", str(keyring)] if keyring else []
    options += ["--pinned", pinned] if pinned else []
    options += ["--semantics", semantics] if semantics else []
    options += ["--deadline", f"{deadline:g}"] if deadline != 10.0 else []

    def repeat(cell: Cell) -> str:
        chosen = ["--strategy", cell.strategy_name] if cell.strategy and not pinned else []
        parts = ["pindrill", "drill", "--only", cell.scenario.id, *chosen, "--tls", cell.tls, *options, *subject.repeat]
        return shlex.join(parts)

    return repeat


# --- where it runs ---------------------------------------------------------------------------------------------


def _place(subjects: Sequence[Subject], edit_hosts: bool, stack: ExitStack) -> tuple[str, Path]:
    """The address and directory of this run; enters the place where the names resolve."""
    inherited = os.environ.get("PINDRILL_RUN_DIRECTORY")
    address = os.environ.get(names.ADDRESS_VARIABLE, "")
    if inherited:
        for variable in ("PINDRILL_RUN_DIRECTORY", names.ADDRESS_VARIABLE):
            del os.environ[variable]
        directory = Path(inherited)
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
    else:
        address, directory = own_address(), run_directory()
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        if edit_hosts:
            stack.enter_context(names.edited_hosts(address))
        else:
            names.enter(address, directory, sys.argv[1:])
    if not all(subject.resolves_itself for subject in subjects) and not names.resolves(address):
        raise names.advice()
    return address, directory

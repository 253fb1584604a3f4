"""`pindrill drill`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pindrill import scenarios as catalogue
from pindrill.cli.client_file import ClientFile, Known, read_client_file
from pindrill.clients import Driver
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.command import CommandDriver
from pindrill.http_response import Respond
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import (
    RFC7469,
    STRATEGY,
    TLS_VERSIONS,
    UNJUDGED,
    VIOLATIONS,
    Scenario,
    Semantics,
    Strategy,
    TlsVersion,
    UsageError,
    VerdictWord,
)
from pindrill.reports import junit, text
from pindrill.runner import names
from pindrill.runner.bench import Bench, own_address, run_directory
from pindrill.runner.drill import Drill, Request
from pindrill.runner.plan import Cell, Pinning
from pindrill.runner.results import Result, ResultFile


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One client to be drilled."""

    name: str
    version: str
    semantics: Semantics
    respond: Respond
    make_driver: Any
    repeat: tuple[str, ...]
    """The end of the command that drills it again."""
    known: tuple[Known, ...] = ()
    resolves_itself: bool = False


@dataclass
class Tally:
    """What the results of all clients come to."""

    lines: list[Result] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    interrupted: bool = False


def drill(  # noqa: PLR0917  (the options of a command line)
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
    wanted = _scenarios(only, which)
    versions = _versions(tls)
    strategies = _strategies(strategy)
    if deadline <= 0 or repeat < 1 or jobs < 0:
        raise UsageError("--deadline is a number above 0, --repeat at least 1, --jobs at least 0")
    if resume and not json_file:
        raise UsageError("--resume needs the file to go on with: --json FILE")
    subjects = _subjects(command or [], client or [], adapter, env or [], semantics, respond, exit_code)
    keys = Keyring.open(keyring) if keyring else Keyring()
    for subject in subjects:
        _pinning(subject.make_driver, pinned, keyring)
    with ExitStack() as stack:
        address, directory = _place(subjects, edit_hosts, stack)
        results = ResultFile(json_file, resume=resume) if json_file else None
        if results:
            stack.callback(results.close)
        tally = Tally(lines=list(results.earlier) if results else [])
        console = Console(stderr=True)
        for number, subject in enumerate(subjects):
            place = directory / f"client-{number}"
            place.mkdir()
            driver = subject.make_driver(place)
            mint = Mint(keys)
            request = Request(
                client=subject.name,
                scenarios=wanted,
                strategies=strategies,
                versions=versions,
                semantics=subject.semantics,
                pinning=_pinning(subject.make_driver, pinned, keyring),
                rounds=repeat,
                jobs=jobs or os.cpu_count() or 1,
                repeat_command=_repeat_command(subject, keyring, pinned, deadline, semantics),
                done=_done(tally.lines, subject.name),
            )
            if pinned and pinned != "none":
                request = replace(request, strategies=(STRATEGY[pinned],))
            bench = Bench(
                mint,
                driver,
                address=address,
                deadline_s=deadline,
                respond=subject.respond,
                directory=place,
                key_log_file=key_log,
            )
            if number == 0:
                for gap in bench.unwatched:
                    console.print(f"not watched for downgrades: {gap}", highlight=False)
            try:
                _run(Drill(bench, mint, request), subject, tally, results, console)
            finally:
                bench.close()
            if tally.interrupted:
                break
    lines = latest(tally.lines)
    if junit_file:
        junit_file.parent.mkdir(parents=True, exist_ok=True)
        junit_file.write_text(junit.render(lines))
    text.print_report(Console(width=None if sys.stdout.isatty() else 120), lines, tally.stale, tally.interrupted)
    raise typer.Exit(_exit_code(lines, tally))


def latest(lines: Sequence[Result]) -> list[Result]:
    """In the catalogue's order; a superseding line takes the place of the earlier one."""
    newest = {(r["client"], r["scenario"], r["strategy"], r["tls"], r["round"]): r for r in lines}
    clients = {client: number for number, client in enumerate(dict.fromkeys(r["client"] for r in lines))}
    place = {scenario.id: number for number, scenario in enumerate(catalogue.CATALOGUE)}
    return sorted(
        newest.values(),
        key=lambda r: (place.get(r["scenario"], len(place)), clients[r["client"]], r["strategy"], r["tls"], r["round"]),
    )


def _run(drill: Drill, subject: Subject, tally: Tally, results: ResultFile | None, console: Console) -> None:
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


# --- what was asked for ----------------------------------------------------------------------------------------


def _scenarios(only: Sequence[str] | None, which: str) -> list[Scenario]:
    if which not in ("all", "core"):
        raise UsageError(f"--set is all or core, not '{which}'")
    base = catalogue.CORE if which == "core" else catalogue.CATALOGUE
    if not only:
        return list(base)
    found: dict[str, Scenario] = {}
    for pattern in only:
        matches = catalogue.matching(pattern)
        if not matches:
            raise UsageError(f"no scenario is called '{pattern}'; `pindrill scenarios` lists them")
        found.update({scenario.id: scenario for scenario in matches})
    return list(found.values())


def _versions(tls: Sequence[str] | None) -> tuple[TlsVersion, ...]:
    for version in tls or ():
        if version not in TLS_VERSIONS:
            raise UsageError(f"--tls is 1.2 or 1.3, not '{version}'")
    return tuple(version for version in TLS_VERSIONS if not tls or version in tls)


def _strategies(names_: Sequence[str] | None) -> tuple[Strategy, ...] | None:
    if not names_:
        return None
    if "all" in names_:
        return ()
    for name in names_:
        if name not in STRATEGY:
            raise UsageError(f"no strategy is called '{name}'; there are: all, {', '.join(STRATEGY)}")
    return tuple(STRATEGY[name] for name in dict.fromkeys(names_))


def read_semantics(text_: str) -> Semantics:
    values: dict[str, Any] = {}
    allowed = {
        "position": ("validated", "leaf", "presented"),
        "mode": ("restrict", "replace", "add"),
        "host": ("on", "off"),
    }
    for part in text_.split(","):
        name, _, value = part.partition("=")
        if value not in allowed.get(name, ()):
            choices = "; ".join(f"{key}={'|'.join(words)}" for key, words in allowed.items())
            raise UsageError(f"--semantics: '{part}' is none of {choices}")
        values[name] = value == "on" if name == "host" else value
    return Semantics(**values)


def _subjects(
    command: Sequence[str],
    files: Sequence[Path],
    adapter: bool,
    env: Sequence[str],
    semantics: str | None,
    respond: Path | None,
    exit_code: str,
) -> list[Subject]:
    if not command and not files:
        raise UsageError("no client: give `-- COMMAND`, or --client FILE")
    if exit_code not in ("judge", "ignore"):
        raise UsageError(f"--exit-code is judge or ignore, not '{exit_code}'")
    environment = dict(_assignment(text_) for text_ in env)
    declared = read_semantics(semantics) if semantics else None
    answer = Respond.from_file(respond) if respond else None
    found = [_from_file(read_client_file(path), declared, answer) for path in files]
    if command:
        found.append(_from_command(command, adapter, environment, declared, answer, respond, exit_code == "ignore"))
    for subject in found:
        subject.make_driver(None)  # says now what cannot be run
    return found


def _from_file(file: ClientFile, declared: Semantics | None, answer: Respond | None) -> Subject:
    return Subject(
        name=file.name,
        version=file.version,
        semantics=declared or file.semantics,
        respond=answer or file.respond,
        make_driver=file.make_driver,
        repeat=("--client", str(file.path)),
        known=file.known,
    )


def _from_command(
    command: Sequence[str],
    adapter: bool,
    environment: dict[str, str],
    declared: Semantics | None,
    answer: Respond | None,
    respond: Path | None,
    ignore: bool,
) -> Subject:
    def make(directory: Path) -> Driver:
        if adapter:
            return AdapterDriver(command, directory=directory, environment=environment)
        return CommandDriver(command, environment=environment, ignore_exit_code=ignore)

    options = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    options += ["--respond", str(respond)] if respond else []
    options += ["--exit-code", "ignore"] if ignore else []
    options += ["--adapter"] if adapter else []
    return Subject(
        name=Path(command[0]).name,
        version="",
        semantics=declared or RFC7469,
        respond=answer or Respond(),
        make_driver=make,
        repeat=(*options, "--", *command),
        resolves_itself=any("{address}" in part for part in command),
    )


def _assignment(text_: str) -> tuple[str, str]:
    name, equals, value = text_.partition("=")
    if not equals or not name:
        raise UsageError(f"--env takes NAME=VALUE, not '{text_}'")
    return name, value


def _pinning(make_driver: Any, pinned: str | None, keyring: Path | None) -> Pinning:
    told = make_driver(None).expresses_pins
    if pinned is None:
        return "told" if told else "presumed"
    if pinned != "none" and pinned not in STRATEGY:
        raise UsageError(f"--pinned is none or a strategy ({', '.join(STRATEGY)}), not '{pinned}'")
    if told:
        raise UsageError("--pinned is for pins that are compiled in, but the client command has a pin placeholder")
    if pinned == "none":
        return "none"
    if keyring is None:
        raise UsageError("--pinned needs the keyring that the compiled-in pins were made from: --keyring DIR")
    return "compiled"


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
        if not names.resolves(address):
            raise names.advice()
        return address, directory
    address, directory = own_address(), run_directory()
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    if all(subject.resolves_itself for subject in subjects):
        return address, directory
    if edit_hosts:
        stack.enter_context(names.edited_hosts(address))
    else:
        names.enter(address, directory, sys.argv[1:])
    if not names.resolves(address):
        raise names.advice()
    return address, directory

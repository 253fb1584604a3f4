"""`pindrill audit`."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.live import Live

from pindrill.audit.words import FAILURES, UNDECIDED, AuditWord
from pindrill.cli.asked import read_assignment
from pindrill.cli.audit_asked import App, read_address, read_apps, read_entries, read_hosts_file, read_names
from pindrill.keyring import Keyring
from pindrill.model import UsageError
from pindrill.reports import audit_text
from pindrill.runner.app import Command, Hooks
from pindrill.runner.audit import Audit, AuditRequest, Entry
from pindrill.runner.audit_lines import audit_line
from pindrill.runner.bench import run_directory
from pindrill.runner.dns import DnsAnswerer
from pindrill.runner.forge import Forge
from pindrill.runner.interception import own_interceptor


def audit(
    command: Annotated[
        list[str] | None, typer.Argument(help="The app, behind `--`; it is started once per condition.")
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="Be an HTTP proxy.", metavar="[ADDRESS:PORT]")] = None,
    socks: Annotated[str | None, typer.Option(help="Be a SOCKS 5 proxy.", metavar="[ADDRESS:PORT]")] = None,
    reverse: Annotated[str | None, typer.Option(help="Stand before one server.", metavar="HOST:PORT")] = None,
    transparent: Annotated[
        str | None, typer.Option(help="Take connections that the packet filter redirects.", metavar="[ADDRESS:PORT]")
    ] = None,
    direct: Annotated[bool, typer.Option("--direct", help="The app finds the names of --host here.")] = False,
    host: Annotated[list[str] | None, typer.Option(help="A name, or @FILE; repeatable.")] = None,
    port: Annotated[list[int] | None, typer.Option(help="For --direct; repeatable. Default: 443.")] = None,
    listen: Annotated[str | None, typer.Option(help="For --direct and --reverse.", metavar="ADDRESS")] = None,
    dns: Annotated[
        str | None, typer.Option(help="Answer DNS: the names of --host are here.", metavar="[ADDRESS:PORT]")
    ] = None,
    client: Annotated[list[str] | None, typer.Option(help="A network that is served; repeatable.")] = None,
    upstream_hosts: Annotated[Path | None, typer.Option(help="Where real servers are, in hosts format.")] = None,
    upstream_trust: Annotated[Path | None, typer.Option(help="PEM that real servers are verified with.")] = None,
    allow_private_upstreams: Annotated[
        bool, typer.Option("--allow-private-upstreams", help="Real servers may be on loopback or private addresses.")
    ] = False,
    app: Annotated[str | None, typer.Option(help="A name for the app.")] = None,
    apps: Annotated[Path | None, typer.Option(help="Many apps, a line each: NAME COMMAND….")] = None,
    keyring: Annotated[Path | None, typer.Option(help="Keeps the test CA; see `pindrill keyring create`.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="A JSON line per destination.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Leave out apps that the --json file has.")] = False,
    setup: Annotated[str, typer.Option(help="Hook: before the first start.")] = "",
    trigger: Annotated[str, typer.Option(help="Hook: starts the app and waits until it has worked.")] = "",
    reset: Annotated[str, typer.Option(help="Hook: stops the app.")] = "",
    logs: Annotated[str, typer.Option(help="Hook: prints the app's log.")] = "",
    teardown: Annotated[str, typer.Option(help="Hook: at the end.")] = "",
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the app; repeatable.")] = None,
    deadline: Annotated[float, typer.Option(help="Seconds for one start of the app.")] = 30.0,
    wait: Annotated[float, typer.Option(help="Seconds to watch when nobody starts the app.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Of the order of conditions.")] = 0,
    most_starts: Annotated[int, typer.Option(help="So many starts of an app at most.")] = 60,
    keep_plaintext: Annotated[Path | None, typer.Option(help="Keep what was readable, in this directory.")] = None,
) -> None:
    """Stand between an app and its servers; say per host whether it is pinned, with evidence."""
    names = read_names(host or [])
    if not 0 < deadline < math.inf or most_starts < 1 or wait <= 0:
        raise UsageError("--deadline and --wait are numbers above 0, --most-starts at least 1")
    if upstream_trust and not upstream_trust.is_file():
        raise UsageError(f"{upstream_trust}: no such file; give the real servers' CA certificates as PEM")
    if resume and not json_file:
        raise UsageError("--resume needs the file to go on with: --json FILE")
    hooks = Hooks(
        setup=setup, trigger=trigger, reset=reset, logs=logs, teardown=teardown, deadline_s=deadline
    )  # fmt: skip
    asked = _Asked(
        entries=read_entries(
            proxy=proxy, socks=socks, reverse=reverse, transparent=transparent,
            direct=direct, names=names, ports=port or [], listen=listen,
        ),
        apps=read_apps(command or [], app, apps),
        names=names,
        hooks=hooks if hooks.given else None,
        environment=dict(read_assignment(each) for each in env or []),
        interceptor={
            "hosts": read_hosts_file(upstream_hosts) if upstream_hosts else {},
            "private_addresses": allow_private_upstreams,
            "upstream_trust": str(upstream_trust) if upstream_trust else "",
            "clients": client or [],
        },
        deadline_s=deadline,
        wait_s=wait,
        seed=seed,
        most_starts=most_starts,
        plaintext=keep_plaintext,
    )  # fmt: skip
    with ExitStack() as stack:
        output = Output(json_file, resume=resume)
        stack.callback(output.close)
        directory = run_directory()
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        forge = Forge(Keyring.open(keyring) if keyring else Keyring())
        if dns is not None:
            answerer = _answer_dns(dns, asked, client or [])
            stack.callback(answerer.close)
        raise typer.Exit(_audit_all(asked, forge, output, directory))


def _answer_dns(text: str, asked: _Asked, clients: Sequence[str]) -> DnsAnswerer:
    if not asked.names:
        raise UsageError("--dns needs the names that it is to answer with our address: --host NAME")
    target = asked.entries[0].address
    address, port = read_address(text, "--dns")
    answerer = DnsAnswerer(
        address, port, names=asked.names, target=target, clients=("127.0.0.0/8", "::1/128", *clients)
    )
    print(f"dns: {address} port {answerer.port}", file=sys.stderr)
    return answerer


@dataclass(frozen=True, kw_only=True)
class _Asked:
    entries: tuple[Entry, ...]
    apps: tuple[App, ...]
    names: tuple[str, ...]
    hooks: Hooks | None
    environment: Mapping[str, str]
    interceptor: Mapping[str, Any]
    deadline_s: float
    wait_s: float
    seed: int
    most_starts: int
    plaintext: Path | None

    def driver(self, app: App) -> Command | Hooks | None:
        if app.command and self.hooks:
            raise UsageError("give either a command behind `--` or hooks, not both")
        return Command(app.command, self.environment, self.deadline_s) if app.command else self.hooks


class Output:
    """JSON Lines of an audit, written app by app."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        self._file: TextIO | None = None
        self.known: frozenset[str] = frozenset()
        if path is None:
            return
        try:
            if resume and path.exists():
                self.known = frozenset(json.loads(line)["app"] for line in path.read_text().splitlines())
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a" if resume else "w")
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path}: holds a line that is no result of an audit ({error})") from error

    def write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        if self._file:
            self._file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()


def _audit_all(asked: _Asked, forge: Forge, output: Output, directory: Path) -> int:
    ca_file = directory / "ca.pem"
    ca_file.write_text(forge.ca_pem)
    lines: list[Mapping[str, Any]] = []
    for number, app in enumerate(asked.apps):
        if app.name in output.known:
            continue
        place = directory / f"app-{number}"
        place.mkdir()
        made, running = _audit(asked, app, forge, str(ca_file), place)
        output.write(made)
        lines += made
        progress = running.progress
        audit_text.print_report(Console(width=None if sys.stdout.isatty() else 120), made, progress.gaps)
        if progress.trouble:
            print(f"pindrill: {progress.trouble}", file=sys.stderr)
            return 3
        if progress.interrupted:
            print("pindrill: interrupted; the verdicts rest on what was seen until then", file=sys.stderr)
            return max(3, exit_code(lines))
    return exit_code(lines)


def _audit(
    asked: _Asked, app: App, forge: Forge, ca_file: str, directory: Path
) -> tuple[list[Mapping[str, Any]], Audit]:
    driver = asked.driver(app)
    request = AuditRequest(
        app=app.name, entries=asked.entries, named=asked.names, seed=asked.seed, most_starts=asked.most_starts,
        ca_file=ca_file, directory=directory,
    )  # fmt: skip
    running = Audit(
        request,
        own_interceptor(**asked.interceptor),
        forge,
        starts=driver is not None,
        plaintext_directory=asked.plaintext,
    )
    if driver is None:
        _say_where(running, forge, directory)
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def watch() -> None:
            if console.is_terminal:
                live.update(audit_text.live_table(_state(running)), refresh=True)

        try:
            if driver:
                running.drive(driver, watch)
            else:
                running.wait(asked.wait_s, watch)
        finally:
            running.close()
    mode = "+".join(dict.fromkeys(entry.way for entry in asked.entries))
    repeat = shlex.join(["pindrill", *sys.argv[1:]])
    return [audit_line(each, app=app.name, mode=mode, repeat=repeat) for each in running.verdicts()], running


def _state(running: Audit) -> dict[str, Any]:
    with running.pump.lock:
        return running.schedule.state()


def _say_where(running: Audit, forge: Forge, directory: Path) -> None:
    for entry, port in running.ports:
        print(f"{entry.way}: {entry.address} port {port}", file=sys.stderr)
    print(f"test CA for the device: {directory.parent / 'ca.pem'} ({forge.ca_name})", file=sys.stderr)
    print("Whoever trusts this CA can be read by whoever holds its key: remove it afterwards.", file=sys.stderr)
    print("Now use the app; Ctrl-C ends the audit.", file=sys.stderr)


def exit_code(lines: Sequence[Mapping[str, Any]]) -> int:
    words = {AuditWord(line["verdict"]) for line in lines}
    if words & FAILURES:
        return 1
    return 3 if words & UNDECIDED or not words else 0

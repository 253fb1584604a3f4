"""Runs audits one after the other, keeps what they show, and tells it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from pindrill.audits.app import AppHooks, Command
from pindrill.audits.asked import AppCommand
from pindrill.audits.audit import Audit, AuditRequest, Entry
from pindrill.audits.audit_lines import audit_line
from pindrill.audits.facts import Contact
from pindrill.audits.forge import Forge
from pindrill.audits.interception import Interceptor
from pindrill.audits.store import AuditStore, LineFile, StoreFailed
from pindrill.audits.words import FAILURES, UNDECIDED, AuditWord
from pindrill.interruption import Started
from pindrill.keyring import VERSIONS
from pindrill.model import UsageError
from pindrill.model.told_command import told_command
from pindrill.reports import audit_text
from pindrill.reports.complaint import complain
from pindrill.reports.terminal import standard_console
from pindrill.results.audit_line import AuditLine


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    entries: tuple[Entry, ...]
    apps: tuple[AppCommand, ...]
    names: tuple[str, ...]
    hooks: AppHooks | None
    environment: Mapping[str, str]
    open_interceptor: Callable[[Started], Interceptor]
    deadline_s: float
    wait_s: float
    seed: int
    most_starts: int
    plaintext: Path | None
    outputs: Path | None

    def driver(self, app: AppCommand) -> Command | AppHooks | None:
        if app.command and self.hooks:
            raise UsageError("give either a command behind `--` or hooks, not both")
        if not app.command:
            return self.hooks
        return Command(app.command, self.environment, self.deadline_s, app.folder)

    @property
    def mode(self) -> str:
        return "+".join(dict.fromkeys(entry.way for entry in self.entries))


@dataclass(frozen=True)
class ResultSinks:
    """Where results go as they come."""

    file: LineFile | None
    store: AuditStore | None

    @property
    def finished(self) -> frozenset[str]:
        if self.store:
            return self.store.finished_apps()
        return frozenset(line.app for line in self.file.earlier) if self.file else frozenset()


def audit_all(asked: AuditOptions, forge: Forge, kept: ResultSinks, directory: Path, *, resume: bool) -> int:
    """The exit code."""
    (directory / "ca.pem").write_text(forge.ca_pem)
    done = kept.finished if resume else frozenset()
    codes: list[int] = []
    for number, app in enumerate(each for each in asked.apps if each.name not in done):
        place = directory / f"app-{number}"
        place.mkdir()
        try:
            made, running = _audit(asked, app, forge, kept, place)
        except StoreFailed as error:
            complain(error)
            return 3
        codes.append(exit_code(made))
        progress = running.progress
        audit_text.print_report(standard_console(), made, progress.gaps)
        if progress.trouble:
            complain(progress.trouble)
            codes.append(3)
            break
        if progress.interrupted:
            print("pindrill: interrupted; the verdicts rest on what was seen until then", file=sys.stderr)
            codes.append(3)
            break
    return 1 if 1 in codes else max(codes, default=0)


def exit_code(lines: Sequence[AuditLine]) -> int:
    """Of one app; one that contacted nobody was not judged."""
    words = {AuditWord(line.verdict) for line in lines}
    if words & FAILURES:
        return 1
    return 3 if words & UNDECIDED or not words else 0


def _audit(
    asked: AuditOptions, app: AppCommand, forge: Forge, kept: ResultSinks, directory: Path
) -> tuple[list[AuditLine], Audit]:
    driver = asked.driver(app)
    number = kept.store.begin(app=app.name, mode=asked.mode, pindrill=VERSIONS[0]) if kept.store else 0

    def emit(contact: Contact) -> None:
        if kept.store:
            kept.store.add_contact(number, contact)

    with Started() as started:
        interceptor = asked.open_interceptor(started)
        request = AuditRequest(
            entries=asked.entries,
            named=asked.names,
            seed=asked.seed,
            most_starts=asked.most_starts,
            ca_file=str(directory.parent / "ca.pem"),
            directory=directory,
        )
        running = started.start(
            lambda: Audit(
                request,
                interceptor,
                forge,
                starts=driver is not None,
                emit=emit,
                plaintext_directory=asked.plaintext,
                output_directory=asked.outputs,
            ),
            Audit.close,
        )
        if driver is None:
            _say_where(running, forge, directory.parent / "ca.pem")
        _drive(running, driver, asked.wait_s)
    repeat = told_command(["pindrill", *sys.argv[1:]])
    lines: list[AuditLine] = [
        audit_line(each, app=app.name, mode=asked.mode, repeat=repeat) for each in running.verdicts()
    ]
    if kept.store:
        for run in running.progress.runs:
            kept.store.add_run(number, run)
        kept.store.finish(number, lines)
    if kept.file:
        for line in lines:
            kept.file.append(line)
    return lines, running


def _drive(running: Audit, driver: Command | AppHooks | None, wait_s: float) -> None:
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def watch() -> None:
            if console.is_terminal:
                with running.pump.lock:
                    state = running.schedule.state()
                live.update(audit_text.live_table(state), refresh=True)

        if driver:
            running.drive(driver, watch)
        else:
            running.wait(wait_s, watch)


def _say_where(running: Audit, forge: Forge, ca_file: Path) -> None:
    for entry, port in running.ports:
        print(f"{entry.way}: {entry.address} port {port}", file=sys.stderr)
    print(f"test CA for the device: {ca_file} ({forge.ca_name})", file=sys.stderr)
    print("Whoever trusts this CA can be read by whoever holds its key: remove it afterwards.", file=sys.stderr)
    print("Now use the app; Ctrl-C ends the audit.", file=sys.stderr)

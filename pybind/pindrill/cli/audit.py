"""`pindrill audit`."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pindrill.audits import presets
from pindrill.audits.app import AppHooks
from pindrill.audits.asked import read_apps, read_entries, read_names
from pindrill.audits.audit import Entry
from pindrill.audits.compare import compare, exit_code_of, of_one_app
from pindrill.audits.dns import DnsAnswerer, open_answerer
from pindrill.audits.kept import private_directory
from pindrill.audits.presets import HookTexts, overridden
from pindrill.audits.running import AuditOptions, ResultSinks, audit_all
from pindrill.audits.store import AuditStore, LineFile, read_lines
from pindrill.cli.options import takes
from pindrill.cli.upstream import UpstreamWords
from pindrill.drills.asked import read_assignment
from pindrill.interruption import Started
from pindrill.machine.directories import run_directory
from pindrill.machine.outputs import write_file
from pindrill.mitm.either import interceptor_opener
from pindrill.model import UsageError
from pindrill.reports import audit_html, audit_text
from pindrill.reports.terminal import standard_console

_SERVED = "127.0.0.0/8"


@dataclass(frozen=True, kw_only=True)
class EntryWords:
    """How the app's connections come here."""

    proxy: Annotated[str | None, typer.Option(help="Be an HTTP proxy.", metavar="[ADDRESS:PORT]")] = None
    socks: Annotated[str | None, typer.Option(help="Be a SOCKS 5 proxy.", metavar="[ADDRESS:PORT]")] = None
    reverse: Annotated[str | None, typer.Option(help="Stand before one server.", metavar="HOST:PORT")] = None
    transparent: Annotated[
        str | None, typer.Option(help="Take connections that the packet filter redirects.", metavar="[ADDRESS:PORT]")
    ] = None
    direct: Annotated[bool, typer.Option("--direct", help="The app finds the names of --host here.")] = False
    port: Annotated[list[int] | None, typer.Option(help="For --direct; repeatable. Default: 443.")] = None
    listen: Annotated[str | None, typer.Option(help="For --direct and --reverse.", metavar="ADDRESS")] = None

    def entries(self, names: tuple[str, ...]) -> tuple[Entry, ...]:
        return read_entries(
            proxy=self.proxy, socks=self.socks, reverse=self.reverse, transparent=self.transparent,
            direct=self.direct, names=names, ports=self.port or [], listen=self.listen,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HookWords:
    """How an app on a device is started; presets, and what takes the place of a part of them."""

    android: Annotated[str | None, typer.Option(help="Hooks for this package on a device behind adb.")] = None
    android_store: Annotated[str, typer.Option(help="Where its test CA is put: user or system.")] = "user"
    serial: Annotated[str, typer.Option(help="Which device, as `adb devices` names it.")] = ""
    ios_simulator: Annotated[str | None, typer.Option(help="Hooks for this bundle in the booted simulator.")] = None
    mac: Annotated[str, typer.Option(help="The Mac of the simulator, as ssh knows it.")] = ""
    mac_network: Annotated[str, typer.Option(help="Its network service, as networksetup names it.")] = "Wi-Fi"
    seconds: Annotated[float, typer.Option(help="How long an app on a device is left to work.")] = 8.0
    setup: Annotated[str, typer.Option(help="Hook: before the first start.")] = ""
    trigger: Annotated[str, typer.Option(help="Hook: starts the app and waits until it has worked.")] = ""
    reset: Annotated[str, typer.Option(help="Hook: stops the app.")] = ""
    logs: Annotated[str, typer.Option(help="Hook: prints the app's log.")] = ""
    teardown: Annotated[str, typer.Option(help="Hook: at the end.")] = ""

    def texts(self) -> HookTexts:
        """What is given takes the place of a part of a preset."""
        given = HookTexts(
            setup=self.setup, trigger=self.trigger, reset=self.reset, logs=self.logs, teardown=self.teardown
        )
        if self.android:
            store, seconds = self.android_store, self.seconds
            given = overridden(presets.android(self.android, store=store, seconds=seconds, serial=self.serial), given)
        if self.ios_simulator:
            mac, service = self.mac, self.mac_network
            ready = presets.ios_simulator(self.ios_simulator, mac=mac, service=service, seconds=self.seconds)
            given = overridden(ready, given)
        return given


@dataclass(frozen=True, kw_only=True)
class AuditWords:
    entry: EntryWords
    upstream: UpstreamWords
    hook: HookWords
    command: Annotated[
        list[str] | None, typer.Argument(help="The app, behind `--`; it is started once per condition.")
    ] = None
    host: Annotated[list[str] | None, typer.Option(help="A name, or @FILE; repeatable.")] = None
    dns: Annotated[
        str | None, typer.Option(help="Answer DNS: the names of --host are here.", metavar="[ADDRESS:PORT]")
    ] = None
    app: Annotated[str | None, typer.Option(help="A name for the app.")] = None
    apps: Annotated[Path | None, typer.Option(help="Many apps, a line each: NAME COMMAND….")] = None
    json_file: Annotated[Path | None, typer.Option("--json", help="A JSON line per destination.")] = None
    store: Annotated[Path | None, typer.Option(help="A SQLite file: every connection and verdict.")] = None
    resume: Annotated[bool, typer.Option("--resume", help="Leave out apps that are finished there.")] = False
    via: Annotated[str, typer.Option(help="The interceptor: pindrill, or mitmproxy.")] = "pindrill"
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the app; repeatable.")] = None
    deadline: Annotated[float, typer.Option(help="Seconds for one start of the app.")] = 30.0
    wait: Annotated[float, typer.Option(help="Seconds to watch when nobody starts the app.")] = math.inf
    most_starts: Annotated[int, typer.Option(help="So many starts of an app at most.")] = 60
    keep_output: Annotated[Path | None, typer.Option(help="Keep the app's own words, in this directory.")] = None
    keep_plaintext: Annotated[Path | None, typer.Option(help="Keep what was readable, in this directory.")] = None

    def asked(self) -> AuditOptions:
        """UsageError says what does not go together."""
        if not 0 < self.deadline < math.inf or self.most_starts < 1 or self.wait <= 0:
            raise UsageError("--deadline and --wait are numbers above 0, --most-starts at least 1")
        if self.resume and not (self.json_file or self.store):
            raise UsageError("--resume needs the file to go on with: --json FILE or --store FILE")
        if self.via not in ("pindrill", "mitmproxy"):
            raise UsageError(f"--via is pindrill or mitmproxy, not '{self.via}'")
        names = read_names(self.host or [])
        settings = self.upstream.settings(_SERVED)
        hooks = AppHooks(self.hook.texts(), deadline_s=self.deadline)
        return AuditOptions(
            entries=self.entry.entries(names),
            apps=read_apps(self.command or [], self.app, self.apps),
            names=names,
            hooks=hooks if hooks.given else None,
            environment=dict(read_assignment(each) for each in self.env or []),
            open_interceptor=interceptor_opener(self.via, settings),
            deadline_s=self.deadline,
            wait_s=self.wait,
            seed=self.upstream.seed,
            most_starts=self.most_starts,
            plaintext=self.keep_plaintext and private_directory(self.keep_plaintext),
            outputs=self.keep_output and private_directory(self.keep_output),
        )


@takes(AuditWords)
def audit(words: AuditWords) -> None:
    """Stand between an app and its servers; say per host whether it is pinned, with evidence."""
    asked, file, store, dns = words.asked(), words.json_file, words.store, words.dns
    with Started() as stack:
        kept = ResultSinks(
            stack.start(lambda: LineFile(file, resume=words.resume), LineFile.close) if file else None,
            stack.start(lambda: AuditStore(store), AuditStore.close) if store else None,
        )
        directory = run_directory(stack).path
        forge = words.upstream.forge()
        if dns is not None:
            served = (_SERVED, "::1/128", *(words.upstream.client or ()))
            answerer = stack.start(lambda: open_answerer(dns, asked.names, asked.entries[0], served), DnsAnswerer.close)
            print(f"dns: {answerer.address} port {answerer.port}", file=sys.stderr)
        raise typer.Exit(audit_all(asked, forge, kept, directory, resume=words.resume))


def audit_report(
    results: Annotated[list[Path], typer.Argument(help="Files of `pindrill audit --json`, in order.")],
    html: Annotated[Path | None, typer.Option(help="Write one HTML page here.")] = None,
) -> None:
    """The report of stored audits, in the terminal or as one HTML page."""
    lines = [line for path in results for line in read_lines(path)]
    if html is None:
        newest = {(line.app, line.destination): line for line in lines}
        audit_text.print_report(standard_console(), list(newest.values()))
    else:
        write_file(html, audit_html.render(lines))


def audit_compare(
    before: Annotated[Path, typer.Argument(help="Results of the earlier audit.")],
    after: Annotated[Path, typer.Argument(help="Results of the later audit.")],
    app: Annotated[str | None, typer.Option(help="Which app, where the files hold several.")] = None,
) -> None:
    """What changed between two audits of an app. Exit code 1 when something got worse, 3 when it is unclear."""
    found = compare(*of_one_app(read_lines(before), read_lines(after), app))
    audit_text.print_changes(
        standard_console(),
        [{"destination": x.destination, "change": x.change.value, "sentence": x.sentence} for x in found],
    )
    raise typer.Exit(exit_code_of(found))

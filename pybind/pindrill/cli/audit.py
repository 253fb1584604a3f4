"""`pindrill audit`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pindrill.audits import presets
from pindrill.audits.app import AppHooks
from pindrill.audits.asked import read_address, read_apps, read_entries, read_hosts_file, read_names
from pindrill.audits.compare import compare
from pindrill.audits.dns import DnsAnswerer
from pindrill.audits.forge import Forge
from pindrill.audits.kept import private_directory
from pindrill.audits.presets import HookTexts, overridden
from pindrill.audits.store import AuditStore, LineFile, read_lines
from pindrill.cli.auditing import AuditOptions, ResultSinks, audit_all
from pindrill.drills.asked import read_assignment
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine.directories import run_directory
from pindrill.mitm.install import find as find_mitmdump
from pindrill.model import UsageError
from pindrill.reports import audit_html, audit_text


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
    store: Annotated[Path | None, typer.Option(help="A SQLite file: every connection and verdict.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Leave out apps that are finished there.")] = False,
    via: Annotated[str, typer.Option(help="The interceptor: pindrill, or mitmproxy.")] = "pindrill",
    android: Annotated[str | None, typer.Option(help="Hooks for this package on a device behind adb.")] = None,
    android_store: Annotated[str, typer.Option(help="Where its test CA is put: user or system.")] = "user",
    serial: Annotated[str, typer.Option(help="Which device, as `adb devices` names it.")] = "",
    ios_simulator: Annotated[str | None, typer.Option(help="Hooks for this bundle in the booted simulator.")] = None,
    mac: Annotated[str, typer.Option(help="The Mac of the simulator, as ssh knows it.")] = "",
    mac_network: Annotated[str, typer.Option(help="Its network service, as networksetup names it.")] = "Wi-Fi",
    seconds: Annotated[float, typer.Option(help="How long an app on a device is left to work.")] = 8.0,
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
    keep_output: Annotated[Path | None, typer.Option(help="Keep the app's own words, in this directory.")] = None,
    keep_plaintext: Annotated[Path | None, typer.Option(help="Keep what was readable, in this directory.")] = None,
) -> None:
    """Stand between an app and its servers; say per host whether it is pinned, with evidence."""
    names = read_names(host or [])
    if not 0 < deadline < math.inf or most_starts < 1 or wait <= 0:
        raise UsageError("--deadline and --wait are numbers above 0, --most-starts at least 1")
    if upstream_trust and not upstream_trust.is_file():
        raise UsageError(f"{upstream_trust}: no such file; give the real servers' CA certificates as PEM")
    if resume and not (json_file or store):
        raise UsageError("--resume needs the file to go on with: --json FILE or --store FILE")
    if via not in ("pindrill", "mitmproxy"):
        raise UsageError(f"--via is pindrill or mitmproxy, not '{via}'")
    given = HookTexts(setup=setup, trigger=trigger, reset=reset, logs=logs, teardown=teardown)
    if android:
        if android_store not in ("user", "system"):
            raise UsageError(f"--android-store is user or system, not '{android_store}'")
        ready = presets.android(
            android, store="system" if android_store == "system" else "user", seconds=seconds, serial=serial
        )
        given = overridden(ready, given)
    if ios_simulator:
        if not mac:
            raise UsageError("--ios-simulator needs --mac: the Mac that runs it, as ssh knows it")
        ready = presets.ios_simulator(ios_simulator, mac=mac, service=mac_network, seconds=seconds)
        given = overridden(ready, given)
    hooks = AppHooks(given, deadline_s=deadline)
    asked = AuditOptions(
        entries=read_entries(
            proxy=proxy, socks=socks, reverse=reverse, transparent=transparent,
            direct=direct, names=names, ports=port or [], listen=listen,
        ),
        apps=read_apps(command or [], app, apps),
        names=names,
        hooks=hooks if hooks.given else None,
        environment=dict(read_assignment(each) for each in env or []),
        mitmdump=find_mitmdump() if via == "mitmproxy" else None,
        interceptor={
            "hosts": read_hosts_file(upstream_hosts) if upstream_hosts else {},
            "private_addresses": allow_private_upstreams,
            "upstream_trust": str(upstream_trust) if upstream_trust else "",
            "clients": ("127.0.0.0/8", "::1", *(client or ())),
        },
        deadline_s=deadline,
        wait_s=wait,
        seed=seed,
        most_starts=most_starts,
        plaintext=keep_plaintext and private_directory(keep_plaintext),
        outputs=keep_output and private_directory(keep_output),
    )  # fmt: skip
    with Started() as stack:
        kept = ResultSinks(
            stack.start(lambda: LineFile(json_file, resume=resume), LineFile.close) if json_file else None,
            stack.start(lambda: AuditStore(store), AuditStore.close) if store else None,
        )
        directory = run_directory(stack).path
        forge = Forge(Keyring.open(keyring) if keyring else Keyring())
        if dns is not None:
            stack.start(lambda: _answer_dns(dns, asked, client or []), DnsAnswerer.close)
        raise typer.Exit(audit_all(asked, forge, kept, directory, resume=resume))


def _answer_dns(text: str, asked: AuditOptions, clients: Sequence[str]) -> DnsAnswerer:
    if not asked.names:
        raise UsageError("--dns needs the names that it is to answer with our address: --host NAME")
    target = asked.entries[0].address
    address, port = read_address(text, "--dns")
    answerer = DnsAnswerer(
        address, port, names=asked.names, target=target, clients=("127.0.0.0/8", "::1/128", *clients)
    )
    print(f"dns: {address} port {answerer.port}", file=sys.stderr)
    return answerer


def audit_report(
    results: Annotated[list[Path], typer.Argument(help="Files of `pindrill audit --json`, in order.")],
    html: Annotated[Path | None, typer.Option(help="Write one HTML page here.")] = None,
) -> None:
    """The report of stored audits, in the terminal or as one HTML page."""
    lines = [line for path in results for line in read_lines(path)]
    if html is None:
        newest = {(line["app"], line["destination"]): line for line in lines}
        audit_text.print_report(Console(width=None if sys.stdout.isatty() else 120), list(newest.values()))
        return
    try:
        html.write_text(audit_html.render(lines))
    except OSError as error:
        raise UsageError(f"{html}: cannot be written: {error.strerror}") from error


def audit_compare(
    before: Annotated[Path, typer.Argument(help="Results of the earlier audit.")],
    after: Annotated[Path, typer.Argument(help="Results of the later audit.")],
    app: Annotated[str | None, typer.Option(help="Which app, where the files hold several.")] = None,
) -> None:
    """What changed between two audits of an app. Exit code 1 when something got worse, 3 when it is unclear."""
    old, new = ([line for line in read_lines(path) if app in (None, line["app"])] for path in (before, after))
    names = {line["app"] for line in (*old, *new)}
    if len(names) > 1:
        raise UsageError(f"these files hold several apps: say which with --app: {', '.join(sorted(names))}")
    found = compare(old, new)
    audit_text.print_changes(
        Console(width=None if sys.stdout.isatty() else 120),
        [{"destination": x.destination, "change": x.change.value, "sentence": x.sentence} for x in found],
    )
    changes = {x.change.value for x in found}
    raise typer.Exit(1 if changes & {"worse", "readable"} else 3 if "unclear" in changes else 0)

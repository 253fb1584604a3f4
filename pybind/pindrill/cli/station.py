"""`pindrill station`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pindrill.audits.asked import LOOPBACK, read_address
from pindrill.audits.audit import Audit, AuditRequest, Entry
from pindrill.audits.interception import own_interceptor
from pindrill.audits.running import exit_code
from pindrill.audits.store import LineFile
from pindrill.cli.options import takes
from pindrill.cli.upstream import UpstreamWords
from pindrill.interruption import Started
from pindrill.machine.directories import run_directory
from pindrill.machine.served import ServedClients
from pindrill.model import UsageError
from pindrill.reports import audit_text
from pindrill.reports.terminal import standard_console
from pindrill.station.bench import PhoneBench, serve


@dataclass(frozen=True, kw_only=True)
class StationWords:
    upstream: UpstreamWords
    listen: Annotated[str, typer.Option(help="An address of this machine that the phone reaches.")] = LOOPBACK
    port: Annotated[int, typer.Option(help="Of the page. Default: a free one.")] = 0
    proxy_port: Annotated[int, typer.Option(help="Of the proxy. Default: a free one.")] = 0
    app: Annotated[str, typer.Option(help="A name for the app.")] = "app"
    json_file: Annotated[Path | None, typer.Option("--json", help="A JSON line per destination, at the end.")] = None


@takes(StationWords)
def station(words: StationWords) -> None:
    """A phone on the bench: a page with QR code, proxy, test CA and live verdicts. Ctrl-C ends it."""
    address, _ = read_address(words.listen, "--listen")
    if not ipaddress.ip_address(address).is_loopback and not words.upstream.client:
        raise UsageError(
            f"on {words.listen} others can reach the proxy: say who is served with --client ADDRESS (the phone's)"
        )
    path = words.json_file
    with Started() as stack:
        file = stack.start(lambda: LineFile(path), LineFile.close) if path else None
        directory = run_directory(stack).path
        forge = words.upstream.forge()
        settings = words.upstream.settings(LOOPBACK)
        interceptor = own_interceptor(**settings)
        entry = Entry(way="proxy", address=address, ports=(words.proxy_port,))
        request = AuditRequest(entries=(entry,), seed=words.upstream.seed, directory=directory)
        audit = stack.start(lambda: Audit(request, interceptor, forge, starts=False), Audit.close)
        bench = PhoneBench(audit, words.app)
        serve(bench, forge, address, words.port, ServedClients(settings["clients"]))
        audit.close()
        lines = bench.lines()
        for line in lines:
            if file:
                file.append(line)
        audit_text.print_report(standard_console(), lines, bench.audit.progress.gaps)
        raise typer.Exit(exit_code(lines))

"""`pindrill pins`: pin files shown, linted, converted and compared; the pins of a certificate, key or server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from pindrill.cli.options import AsOf, OutputFile, read_at
from pindrill.kept_pins import keyring_lines, keyring_pins
from pindrill.keyring import InputError, Keyring
from pindrill.machine.outputs import write_file, write_lines
from pindrill.mint import pins_of_text
from pindrill.model import UsageError
from pindrill.pem import read_pem
from pindrill.pinfiles import Severity
from pindrill.pinfiles.asked import read_chain, read_chosen, read_files, read_format, read_kind, read_position
from pindrill.pinfiles.chains import is_address, shown_chain
from pindrill.pinfiles.explain import differences, rule_as_json, shown
from pindrill.pinfiles.formats import WRITTEN
from pindrill.pinfiles.hosts import host_asked
from pindrill.pinfiles.lint import SOON, lint, worst
from pindrill.pinfiles.losses import DROPPABLE
from pindrill.pinfiles.names import canonical
from pindrill.pinfiles.validity import validity_of
from pindrill.pinfiles.write import write
from pindrill.reports.pins_text import counted_findings, difference_lines, finding_lines, notations, pin_lines
from pindrill.reports.plain import told

pins_app = typer.Typer(help="Pin files as shipped, and pins in every notation.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="Pin files, an APK, an IPA or a keyring; the format is found.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON Lines.")]


@pins_app.command("show")
def show(files: Files, as_json: JsonOption = False, at: AsOf = None) -> None:
    """What each file pins, with the semantics of its format."""
    when = read_at(at)
    for file in read_files(files):
        if as_json:
            _print_json(rule_as_json(file, rule, when) for rule in file.rules)
        else:
            for line in shown(file, when):
                print(told(line))


@pins_app.command("lint")
def lint_files(
    files: Files,
    chain: Annotated[Path | None, typer.Option(help="PEM, leaf first: do the pins still match it?")] = None,
    live: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Contact it and take the chain it shows.")
    ] = None,
    host: Annotated[list[str] | None, typer.Option(help="A host that must be pinned.")] = None,
    soon: Annotated[int, typer.Option(metavar="DAYS", help="How long before an expiration to warn.")] = SOON.days,
    as_json: JsonOption = False,
    at: AsOf = None,
) -> None:
    """Find what locks users out, leaves them unpinned or will hurt. Files together are files of one app.

    Exit code 1 when a finding is an error, 0 otherwise.
    """
    if chain and live:
        raise UsageError("give either --chain or --live")
    hosts = [host_asked(name, "--host") for name in host or ()]
    if live and not hosts:
        hosts = [canonical(live.rpartition(":")[0])]
    found = lint(
        read_files(files),
        read_at(at),
        soon=timedelta(days=max(0, min(soon, 36500))),
        chain=read_chain(chain, live),
        hosts=hosts,
    )
    if as_json:
        _print_json(finding.to_json() for finding in found)
    else:
        lines = [line for each in found for line in finding_lines(each)]
        print("\n".join([*lines, counted_findings(found, len(files))]))
    if worst(found) is Severity.ERROR:
        raise typer.Exit(1)


@pins_app.command("convert")
def convert(
    file: Annotated[Path, typer.Argument(help="A pin file.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=", ".join(form.name for form in WRITTEN))],
    output: OutputFile = None,
    source: Annotated[str | None, typer.Option("--from", metavar="FORMAT", help="Where a file holds several.")] = None,
    pins_are: Annotated[str | None, typer.Option(metavar="leaf|ca", help="Of which certificates the pins are.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help=f"Leave out: {', '.join(DROPPABLE)}.")] = None,
    host: Annotated[str | None, typer.Option(help="The host of pins that are for every host.")] = None,
    max_age: Annotated[int | None, typer.Option(metavar="SECONDS", help="For an HPKP header.")] = None,
    as_json: JsonOption = False,
    at: AsOf = None,
) -> None:
    """Write the pins in another format. What has no equal there is an error that lists each thing."""
    target = read_format(to)
    read = read_chosen(file, source)
    if host:
        name = canonical(host_asked(host, "--host"))
        named = tuple(replace(rule, domain=rule.domain or name) for rule in read.rules)
        read = replace(read, rules=named)
    position, kinds = read_position(pins_are), [read_kind(each) for each in drop or ()]
    settings = {} if max_age is None else {"max-age": str(max_age)}
    text = write(read, target, at=read_at(at), pins_are=position, drop=kinds, settings=settings)
    if output:
        write_file(output, text)
    if as_json:
        _print_json([{"from": read.format.name, "to": target.name, "file": str(file), "text": text}])
    elif not output:
        print(text, end="")


@pins_app.command("diff")
def diff(
    one: Annotated[Path, typer.Argument(help="A pin file.")],
    other: Annotated[Path, typer.Argument(help="Another, in the same or another format.")],
    as_json: JsonOption = False,
    at: AsOf = None,
) -> None:
    """What two pin files pin differently, by what they mean and not by how they are written. Exit code 0 always."""
    when = read_at(at)
    found = [
        line
        for first in read_files([one])
        for second in read_files([other])
        for line in differences(first, second, when)
    ]
    if as_json:
        _print_json(found)
    else:
        print("\n".join(difference_lines(found)))


@pins_app.command("of")
def pins_of(
    what: Annotated[
        str | None, typer.Argument(metavar="FILE|HOST:PORT", help="Certificate, chain, key or CSR.")
    ] = None,
    keyring: Annotated[Path | None, typer.Option(help="The pins of a keyring.")] = None,
    as_json: JsonOption = False,
    at: AsOf = None,
) -> None:
    """Print pins in the notations in use. A server is contacted only when it is named, and not validated."""
    if (what is None) == (keyring is None):
        raise UsageError("give either a FILE, a HOST:PORT or --keyring DIR")
    when = read_at(at)
    if keyring is not None:
        kept = Keyring.open(keyring)
        if as_json:
            _print_json({"strategy": kind, "pin": pin, "backup": backup} for kind, pin, backup in keyring_pins(kept))
        else:
            print("\n".join(keyring_lines(kept)))
        return
    assert what is not None
    live = is_address(what) and not Path(what).exists()
    pem = shown_chain(what) if live else read_pem(Path(what))
    try:
        found, validity = pins_of_text(pem), validity_of(pem, when)
    except InputError as error:
        raise UsageError(f"{what}: {error}") from error
    whose = ""
    for subject, pin in found:
        if as_json:
            line = {"subject": subject, "of": pin.of, "base64": pin.base64, "notations": notations(pin)}
            _print_json([{**line, **validity.get(subject, {})}])
            continue
        if subject != whose:
            print(told(whose := subject))
            if note := validity.get(subject, {}).get("note"):
                print(f"  {note}")
        print("\n".join(pin_lines(pin)))


def _print_json(lines: Iterable[dict[str, Any]]) -> None:
    write_lines("-", list(lines))

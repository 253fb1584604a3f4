"""`pindrill preflight`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pindrill.cli.pins import read_at
from pindrill.model import UsageError
from pindrill.pinfiles import PinFile, read_all
from pindrill.pinfiles.hosts import host_asked
from pindrill.preflight import Outlook, Status, check, read_chain, read_trust
from pindrill.preflight.model import UNJUDGED, VIOLATED, WORDS, Instant, State, as_datetime
from pindrill.reports.plain import counted, harmless, told


def preflight(
    pins: Annotated[list[Path], typer.Option(metavar="FILE", help="A pin file as shipped; repeatable.")],
    chain: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A planned chain, PEM, the server's own first; repeatable.")
    ],
    current: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The chain served today: who accepts it after rolling back?")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The roots that devices trust, PEM. Default: assumed, and said.")
    ] = None,
    host: Annotated[list[str] | None, typer.Option(help="Instead of the hosts that file and chain share.")] = None,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="Judge as of this day or instant (UTC).")] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON Lines here; - is standard output.")
    ] = None,
) -> None:
    """Whom would the next certificate lock out? Per shipped pin file and planned chain, before it is deployed.

    Exit code 0: every correct client accepts it by a pin; 1: somebody would be locked out or unprotected; 2: usage;
    3: could not be judged.
    """
    when = read_at(at)
    given = read_trust(trust) if trust else None
    files = [found for path in pins for found in read_all(path)]
    hosts = [host_asked(name, "--host") for name in host or ()]
    planned = check(files, [read_chain(path, given) for path in chain], at=when, hosts=hosts)
    back = check(files, [read_chain(current, given)], at=when, hosts=hosts) if current else []
    lines = [
        {"served": served, **each.to_json()} for served, found in (("next", planned), ("back", back)) for each in found
    ]
    write_lines(json_file, lines)
    if json_file != "-":
        print("\n".join(_shown(files, planned, back)))
    raise typer.Exit(exit_code([each.status for each in planned]))


def exit_code(statuses: Sequence[Status]) -> int:
    if VIOLATED & set(statuses):
        return 1
    return 3 if UNJUDGED & set(statuses) or not statuses else 0


def write_lines(target: str | None, lines: Sequence[dict[str, Any]]) -> None:
    """To a file, to standard output for `-`, nowhere for nothing."""
    text = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)
    if target == "-":
        sys.stdout.write(text)
    elif target:
        write_file(Path(target), text)


def write_file(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


# --- for people ------------------------------------------------------------------------------------------------


def _shown(files: Sequence[PinFile], planned: Sequence[Outlook], back: Sequence[Outlook]) -> Iterator[str]:
    shown = {(file.path, file.format.name): file for file in files}
    for path, format_ in shown:
        yield told(f"{path} ({format_})")
        yield from (_line(each, "") for each in planned if (each.file, each.format) == (path, format_))
        yield from (
            _line(each, "after rolling back to ") for each in back if (each.file, each.format) == (path, format_)
        )
    for sentence in dict.fromkeys(each.assumed for each in (*planned, *back) if each.assumed):
        yield harmless(f"assumed: {sentence}")
    counts = [(status, sum(each.status is status for each in planned)) for status in Status]
    yield ", ".join(f"{count} {WORDS[status]}" for status, count in counts if count) or "nothing to judge"
    if stuck := [each for each in back if each.status is not Status.ACCEPTS]:
        yield f"no safe way back for {counted(len({(each.file, each.format) for each in stuck}), 'pin file')}"


def _line(outlook: Outlook, prefix: str) -> str:
    host = f" for {outlook.host}" if outlook.host else ""
    said = [f"  {prefix}{outlook.chain}{host}: {WORDS[outlook.status]}"]
    if outlook.pins:
        said.append(
            "by " + ", ".join(f"line {pin.line} {pin.text} ({pin.whose} '{pin.subject}')" for pin in outlook.pins)
        )
    else:
        said.append(outlook.reason)
    if outlook.until is not None and outlook.then is not None:
        said.append(until(outlook.until, outlook.then))
    return told("; ".join(said))


def until(instant: Instant, then: State) -> str:
    return f"until {as_datetime(instant):%Y-%m-%d %H:%M}Z, then {WORDS[then.status]}: {then.reason}"

"""What preflight found, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pindrill.pinfiles import PinFile
from pindrill.preflight.model import WORDS, Instant, Outlook, State, Status, as_datetime
from pindrill.reports.plain import counted, harmless, told


def shown(files: Sequence[PinFile], planned: Sequence[Outlook], back: Sequence[Outlook]) -> Iterator[str]:
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

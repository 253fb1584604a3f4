"""An audit in the terminal: a table of destinations, then each with its evidence; and the live table before that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pindrill.reports.audit_words import ADVICE, MEANING, TITLE, WRONG, style
from pindrill.reports.plain import counted, harmless
from pindrill.reports.tame import harmless_line
from pindrill.reports.terminal import say, say_command
from pindrill.results.audit_line import AuditLine, ReadableName
from rich.console import Console
from rich.table import Table
from rich.text import Text

_MOST_READABLE = 12
_LABEL = 31
_CHANGE_STYLE = {"worse": "bold red", "readable": "bold red", "better": "green", "unclear": "yellow"}


def print_report(console: Console, lines: Sequence[AuditLine], gaps: Sequence[str] = ()) -> None:
    """`gaps`: what could not be asked, and why."""
    shown = [harmless_line(line) for line in lines]
    for app in dict.fromkeys(line.app for line in shown):
        mine = sorted((line for line in shown if line.app == app), key=_alarm)
        say(console, Text(f"App {app}" if app else "The app", style="bold"))
        say(console, _table(mine))
        say(console)
        for line in mine:
            if line.verdict != "pinned":
                _print_story(console, line)
    for gap in gaps:
        say(console, Text(f"Not asked: {harmless(gap)}", style="yellow"))
    say(console, _summary(shown))


def live_table(state: Mapping[str, Any]) -> Table:
    """The state of a schedule while it is at work."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("destination", "now shown", "so far", "next"):
        table.add_column(name, overflow="fold")
    for place in harmless(state["destinations"]):
        far = ", ".join(f"{each['step']}: {each['outcome']}" for each in place["done"][-2:])
        following = place["given_up"] or (place["next"] or "all was asked")
        table.add_row(*(Text(each) for each in (place["destination"], place["now"] or "", far, following)))
    return table


def print_changes(console: Console, changes: Iterable[Mapping[str, Any]]) -> None:
    """`destination`, `change` and `sentence` of each destination of two audits."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("destination", "change", ""):
        table.add_column(name, overflow="fold")
    for each in map(harmless, changes):
        word = str(each["change"])
        table.add_row(Text(each["destination"]), Text(word, style=_CHANGE_STYLE.get(word, "")), Text(each["sentence"]))
    say(console, table)


def readable_in_short(readable: Sequence[ReadableName]) -> str:
    """`cookie session (32), header host (12)`."""
    named = [f"{each.kind} {each.name} ({each.length})" for each in readable[:_MOST_READABLE]]
    more = len(readable) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _alarm(line: AuditLine) -> tuple[int, str]:
    return tuple(MEANING).index(line.verdict), line.destination


def _table(lines: Sequence[AuditLine]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("destination", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("connections", justify="right")
    for line in lines:
        word = line.verdict
        count = sum(each.connections for each in line.conditions)
        table.add_row(Text(line.destination), Text(TITLE[word], style=style(word)), Text(str(count)))
    return table


def _print_story(console: Console, line: AuditLine) -> None:
    word = line.verdict
    say(console, Text.assemble((word, style(word)), f"  {line.destination}: {MEANING[word]}"))
    _field(console, "Because", line.reason)
    if line.stack:
        _field(console, "TLS stack", line.stack)
    for each in line.conditions:
        _field(console, each.condition or "not staged", "; ".join(each.stories))
    if line.readable:
        _field(console, "Readable", readable_in_short(line.readable))
    _field(console, "Do", ADVICE[word])
    if word in WRONG or word == "inconclusive":
        say_command(console, line.repeat, _LABEL)
    say(console)


def _field(console: Console, name: str, text: str) -> None:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=_LABEL, justify="right", style="bold")
    row.add_column(overflow="fold")
    row.add_row(Text(name), Text(text))
    say(console, row)


def _summary(lines: Sequence[AuditLine]) -> Text:
    counts = Counter(line.verdict for line in lines)
    parts = [f"{counts[word]} {word}" for word in MEANING if counts[word]]
    return Text(f"{counted(len(lines), 'destination')}: {', '.join(parts) or 'nobody was contacted'}")

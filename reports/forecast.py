"""The forecast of a plan for the terminal: who is locked out when, as a table and as bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pindrill.model import ForecastRow
from pindrill.reports.plain import harmless

COLUMNS = ("accepts", "locked_out", "partly", "unprotected", "unknown", "unlisted")
HEADINGS = {
    "accepts": "accepts",
    "locked_out": "locked out",
    "partly": "by some servers",
    "unprotected": "unprotected",
    "unknown": "unknown",
    "unlisted": "unlisted",
}
MEANING = {
    "locked_out": "refused by every server",
    "partly": "refused by some servers, while a step rolls out",
    "unprotected": "connects, and no pin has a say",
    "unknown": "cannot be said, or differs from device to device",
    "unlisted": "in no line of the table",
}
_WIDTH = 40
_MARKS = {"locked_out": "█", "partly": "▓", "unprotected": "▒", "unknown": "?"}


def table(rows: Sequence[ForecastRow], steps: Sequence[ForecastRow] = ()) -> Iterator[str]:
    """Columns of zeros are left out; a line whose numbers are those of the line before is, too."""
    shown = [name for name in COLUMNS if name == "locked_out" or any(row[name] for row in rows)]
    yield "  ".join(["date            ", *(f"{HEADINGS[name]:>15}" for name in shown)])
    for row in told(rows, steps):
        cells = "  ".join(f"{row[name]:>13.2f} %" for name in shown)
        yield f"{row['at'][:16].replace('T', ' ')}  {cells}  {_begun(row, steps)}".rstrip()


def bars(rows: Sequence[ForecastRow], steps: Sequence[ForecastRow] = ()) -> Iterator[str]:
    """A line an instant; the whole width is 100 %."""
    for row in told(rows, steps):
        bar = "".join(mark * round(row[name] / 100 * _WIDTH) for name, mark in _MARKS.items())
        hurt = row["locked_out"] + row["partly"] + row["unprotected"]
        yield f"{row['at'][:10]} |{bar[:_WIDTH]:<{_WIDTH}}| {hurt:6.2f} %  {_begun(row, steps)}".rstrip()
    used = [name for name in _MARKS if any(row[name] for row in rows)]
    yield "  ".join(f"{_MARKS[name]} {HEADINGS[name]}" for name in used) or "nobody is locked out or unprotected"


def told(rows: Sequence[ForecastRow], steps: Sequence[ForecastRow] = ()) -> list[ForecastRow]:
    """The rows that say something new: the first, the last, where a step begins, where numbers change."""
    dates = {step["date"] for step in steps}
    kept = list(rows[:1])
    for number, row in enumerate(rows[1:], start=1):
        last = number == len(rows) - 1
        if last or row["at"] in dates or any(row[name] != kept[-1][name] for name in COLUMNS):
            kept.append(row)
    return kept


def _begun(row: ForecastRow, steps: Sequence[ForecastRow]) -> str:
    return ", ".join(f"<- {harmless(step['name'])}" for step in steps if step["date"] == row["at"])

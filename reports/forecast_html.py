"""The forecast of a plan as one HTML page: readable from a file, without a network and without a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pindrill.model import ForecastRow
from pindrill.reports.forecast import COLUMNS, HEADINGS, MEANING, told
from pindrill.reports.page import Pages
from pindrill.reports.plain import harmless

_PAGES = Pages("pindrill.reports")
_BANDS = ("locked_out", "partly", "unprotected", "unknown")
"""From the bottom up; what accepts is the empty space above."""
_LEFT, _TOP, _WIDTH, _HEIGHT = 48, 28, 860, 240
_ANSWERS = {
    "accepts": ("held", "Nobody is locked out or unprotected by this plan."),
    "unknown": ("unclear", "This plan could not be judged throughout."),
    "locked-out": ("broken", "This plan locks somebody out or leaves somebody unprotected."),
}


def render(lines: Sequence[ForecastRow]) -> str:
    """`lines`: as `pindrill plan --json` writes them."""
    shown: list[ForecastRow] = harmless(list(lines))
    [head] = [line for line in shown if line["kind"] == "plan"]
    steps = [line for line in shown if line["kind"] == "step"]
    rows = [line for line in shown if line["kind"] == "forecast"]
    kind, answer = _ANSWERS.get(head["status"], _ANSWERS["locked-out"])
    return _PAGES.render(
        "forecast.html",
        style=_PAGES.text("forecast.css"),
        head=head,
        kind=kind,
        answer=answer,
        steps=steps,
        problems=[line for line in shown if line["kind"] == "problem"],
        rows=told(rows, steps),
        columns=[name for name in COLUMNS if name == "locked_out" or any(row[name] for row in rows)],
        headings=HEADINGS,
        meaning=MEANING,
        plot=plot(rows, steps) if len(rows) > 1 else None,
    )


# --- the plot --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plot:
    """Everything that the template draws, in the plot's own units."""

    left: int
    top: int
    width: int
    height: int
    bands: Sequence[tuple[str, str]]
    """(name, path), from the bottom up."""
    lines: Sequence[tuple[float, str]]
    """(y, percent) across."""
    days: Sequence[tuple[float, str]]
    marks: Sequence[tuple[float, str]]
    """(x, number) of the steps."""
    sentence: str
    """What is drawn, for who does not see it."""


def plot(rows: Sequence[ForecastRow], steps: Sequence[ForecastRow]) -> Plot:
    first, last = _seconds(rows[0]["at"]), _seconds(rows[-1]["at"])
    most = max(sum(row[name] for name in _BANDS) for row in rows)
    top = next(limit for limit in (1, 2, 5, 10, 20, 50, 100) if most <= limit + 0.01)

    def x(text: str) -> float:
        return round(_LEFT + (_seconds(text) - first) / (last - first) * _WIDTH, 1)

    def y(percent: float) -> float:
        return round(_TOP + _HEIGHT - percent / top * _HEIGHT, 1)

    bands, below = [], [0.0] * len(rows)
    for name in _BANDS:
        above = [base + row[name] for base, row in zip(below, rows, strict=True)]
        if above != below:
            edges = [(x(row["at"]), y(low), y(high)) for row, low, high in zip(rows, below, above, strict=True)]
            bands.append((name, _stairs(edges)))
        below = above
    worst = max(rows, key=lambda row: sum(row[name] for name in _BANDS))
    return Plot(
        left=_LEFT,
        top=_TOP,
        width=_WIDTH,
        height=_HEIGHT,
        bands=bands,
        lines=[(y(top * part / 4), f"{top * part / 4:g} %") for part in range(5)],
        days=[(x(row["at"]), row["at"][:10]) for row in _spread(rows)],
        marks=[(x(step["date"]), str(step["number"])) for step in steps],
        sentence=f"The share of the field that is not accepted, from {rows[0]['at'][:10]} to {rows[-1]['at'][:10]}; "
        f"at most {most:.2f} %, on {worst['at'][:10]}. The table below has the numbers.",
    )


def _stairs(edges: Sequence[tuple[float, float, float]]) -> str:
    """A value holds until the next: along the upper edge and back along the lower one."""
    there = list(_held([(x, high) for x, _, high in edges]))
    back = list(_held([(x, low) for x, low, _ in edges]))
    return "M" + " L".join(f"{x} {y}" for x, y in (*there, *reversed(back))) + " Z"


def _held(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    yield points[0]
    for (_, before), (x, now) in pairwise(points):
        yield x, before
        yield x, now


def _spread(rows: Sequence[ForecastRow], count: int = 6) -> list[ForecastRow]:
    """Rows for the labels below, in about equal distances of time."""
    first, last = _seconds(rows[0]["at"]), _seconds(rows[-1]["at"])
    wanted = [first + (last - first) * number / (count - 1) for number in range(count)]
    nearest = [min(rows, key=lambda row: abs(_seconds(row["at"]) - instant)) for instant in wanted]
    return list({row["at"]: row for row in nearest}.values())


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

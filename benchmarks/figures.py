"""A measured figure, its peer, and what the budget says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the ratio, or the value where there is no peer, must be."""

    text: str
    sense: Literal["at least", "at most"]
    limit: float
    known_reason: str = ""
    """Why it is known to be missed."""

    def met(self, measured: float) -> bool:
        return measured >= self.limit if self.sense == "at least" else measured <= self.limit


@dataclass(frozen=True, kw_only=True)
class Figure:
    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    """Above 1: better than the peer."""
    budget: Budget | None = None

    @property
    def met(self) -> bool | None:
        if self.budget is None:
            return None
        return self.budget.met(self.value if self.ratio is None else self.ratio)


Samples = Mapping[str, Sequence[float]]


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """A B C, A B C, …: what disturbs the machine disturbs all of them."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name, measure in measures.items():
            progress(f"round {number + 1} of {rounds}: {name}")
            samples[name].append(measure())
    return samples


def ratio(samples: Samples, above: str, below: str) -> float:
    """The median of the ratios of one round each."""
    return median(a / b for a, b in zip(samples[above], samples[below], strict=True))


def progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def show(title: str, figures: Sequence[Figure], samples: Samples) -> None:
    progress("")
    table = Table(title=title, title_justify="left")
    for heading, right in (
        ("figure", False),
        ("value", True),
        ("peer", False),
        ("peer's", True),
        ("ratio", True),
    ):
        table.add_column(heading, justify="right" if right else "left")
    table.add_column("budget")
    for figure in figures:
        verdict = {None: "", True: " [green]met[/]", False: " [red]MISSED[/]"}[figure.met]
        table.add_row(
            figure.name,
            f"{_number(figure.value)} {figure.unit}",
            figure.peer,
            "" if figure.peer_value is None else _number(figure.peer_value),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            (figure.budget.text if figure.budget else "-") + verdict,
        )
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    for name, values in samples.items():
        spread = (max(values) - min(values)) / median(values) * 100
        console.print(
            f"  {name}: {' '.join(map(_number, values))}  (spread {spread:.0f} %)",
            highlight=False,
            style="dim",
        )
    console.print(f"  load average afterwards: {os.getloadavg()[0]:.2f}\n", style="dim", highlight=False)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

"""Prints every figure, its peer, the ratio and the budget."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import handshakes, interceptor, machine, memory, minting, opening, overhead
from benchmarks.figures import Figure

QUIET = 0.3
AREAS: dict[str, Callable[[Path], list[Figure]]] = {
    "minting": lambda _: minting.run(),
    "handshakes": handshakes.run,
    "opening": opening.run,
    "overhead": lambda _: overhead.run(),
    "memory": memory.run,
    "interceptor": interceptor.run,
}


def main(wanted: list[str]) -> int:
    if unknown := [name for name in wanted if name not in AREAS]:
        print(f"no area is called {unknown[0]}; there are: {' '.join(AREAS)}", file=sys.stderr)
        return 2
    print(machine.description())
    if (load := os.getloadavg()[0]) > QUIET:
        print(f"The machine is not quiet (load average {load:.2f}): ratios may hold, figures do not.")
    figures: list[Figure] = []
    for name in wanted or AREAS:
        with tempfile.TemporaryDirectory(prefix="pindrill-bench-") as directory:
            figures += AREAS[name](Path(directory))
    missed = [figure for figure in figures if figure.met is False]
    for figure in missed:
        why = figure.budget.known_reason if figure.budget else ""
        print(
            f"missed: {figure.name}"
            + (f" (against {figure.peer})" if figure.peer else "")
            + (f": {why}" if why else "")
        )
    print(f"{len([f for f in figures if f.met])} budgets met, {len(missed)} missed")
    return 1 if missed else 0


sys.exit(main(sys.argv[1:]))

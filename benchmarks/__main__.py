"""Prints every figure, its peer, the ratio and the budget; `--smoke`: a second of each area, to see that it runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import handshakes, interceptor, machine, memory, minting, opening, overhead
from benchmarks.effort import Effort, PeerMissing
from benchmarks.figures import Figure

QUIET = 0.3
AREAS: dict[str, Callable[[Path, Effort], list[Figure]]] = {
    "minting": minting.run,
    "handshakes": handshakes.run,
    "opening": opening.run,
    "overhead": overhead.run,
    "memory": memory.run,
    "interceptor": interceptor.run,
}


def main(words: list[str]) -> int:
    effort = Effort(smoke="--smoke" in words)
    wanted = [word for word in words if word != "--smoke"]
    if unknown := [name for name in wanted if name not in AREAS]:
        print(f"no area is called {unknown[0]}; there are: {' '.join(AREAS)}", file=sys.stderr)
        return 2
    print(machine.description())
    if (load := os.getloadavg()[0]) > QUIET and not effort.smoke:
        print(f"The machine is not quiet (load average {load:.2f}): ratios may hold, figures do not.")
    figures: list[Figure] = []
    for name in wanted or AREAS:
        with tempfile.TemporaryDirectory(prefix="pindrill-bench-") as directory:
            try:
                figures += AREAS[name](Path(directory), effort)
            except PeerMissing as error:
                print(error, file=sys.stderr)
                return 2
    if effort.smoke:
        print(f"{len(figures)} figures of {len(wanted or AREAS)} areas, too few for a budget")
        return 0
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

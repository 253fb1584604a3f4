"""Opening and closing a scenario server: one for each cell."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from pindrill import _core

from benchmarks.effort import Effort
from benchmarks.figures import Figure, interleaved, ratio, show
from benchmarks.hierarchy import Files
from benchmarks.machine import named_values, tool

COUNT = 2000


def run(directory: Path, effort: Effort) -> list[Figure]:
    count = effort.count(COUNT)
    files = Files.made_in(directory)
    loop, context = _core.Loop(), _core.ServerContext()
    latest: dict[str, float] = {}

    def cpp() -> float:
        latest.update(named_values([tool("open"), str(files.key), str(files.chain), str(count)]))
        return latest["server"]

    def python() -> float:
        start = time.perf_counter()
        for _ in range(count):
            _core.Server(loop, "127.0.0.1", 0, context, "bench", files.credential, "")
        return (time.perf_counter() - start) / count * 1e6

    python()
    measures = {"C++": cpp, "Python": python, "bare socket": lambda: latest["socket"]}
    samples = interleaved(measures, effort.rounds(5))
    figures = [
        Figure(
            name=f"server open + close, {name}",
            value=median(samples[name]),
            unit="µs",
            peer="bare socket",
            peer_value=median(samples["bare socket"]),
            ratio=ratio(samples, "bare socket", name),
        )
        for name in ("C++", "Python")
    ]
    show("Opening a server", figures, samples)
    return figures

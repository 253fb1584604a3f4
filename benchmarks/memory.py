"""Resident memory of an idle connection whose handshake is complete."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from benchmarks import servers
from benchmarks.effort import Effort
from benchmarks.figures import Budget, Figure, interleaved, ratio, show
from benchmarks.hierarchy import Files
from benchmarks.machine import first_line, output, resident_bytes, running, tool

COUNT, WARM_UP = 2000, 50


def run(directory: Path, effort: Effort) -> list[Figure]:
    count = effort.count(COUNT)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(256, 3 * count)), most))
    files = Files.made_in(directory)
    makes = [servers.pindrill, *([servers.nginx] if servers.has_nginx(effort) else [])]
    samples = interleaved(
        {
            make.__name__: lambda make=make: _kib_per_connection(make, files, count)  # type: ignore[misc]
            for make in makes
        },
        effort.rounds(5),
    )
    figures = [
        *(
            Figure(name="idle connection", value=median(samples["pindrill"]), unit="KiB", peer=name,
                   peer_value=median(samples[name]), ratio=ratio(samples, name, "pindrill"))
            for name in samples if name != "pindrill"
        ),
        Figure(name="idle connection", value=median(samples["pindrill"]), unit="KiB",
               budget=Budget(text="under 24 KiB", sense="at most", limit=24)),
    ]  # fmt: skip
    show(f"Memory of an idle connection (resident, over {count:,})", figures, samples)
    return figures


def _kib_per_connection(
    make: Callable[[Files], AbstractContextManager[servers.Peer]], files: Files, count: int
) -> float:
    with make(files) as peer:
        output([tool("load"), "handshake", str(peer.port), str(WARM_UP)])
        before = resident_bytes(peer.pid)
        with running([tool("load"), "idle", str(peer.port), str(count)]) as load:
            if first_line(load) != "ready":
                raise RuntimeError("not every connection could be opened")
            return (resident_bytes(peer.pid) - before) / count / 1024

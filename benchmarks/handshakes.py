"""Full TLS 1.3 handshakes: rate, and what a handshake costs the server, against nginx and s_server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import servers
from benchmarks.effort import Effort
from benchmarks.figures import Budget, Figure, interleaved, ratio, show
from benchmarks.hierarchy import Files
from benchmarks.machine import cpu_seconds, output, tool

WARM_UP, COUNT, ROUNDS = 300, 1000, 9
_BUDGET = Budget(text="at least nginx per core of server CPU", sense="at least", limit=1)


def run(directory: Path, effort: Effort) -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        files = Files.made_in(directory)
        makes = [servers.pindrill, *([servers.nginx] if servers.has_nginx(effort) else []), servers.s_server]
        peers = {make.__name__: stack.enter_context(make(files)) for make in makes}
        for mode in ("handshake", "get"):
            figures += _of(mode, peers, effort)
    return figures


def _of(mode: str, peers: dict[str, servers.Peer], effort: Effort) -> list[Figure]:
    warm_up, count = effort.count(WARM_UP), effort.count(COUNT)
    rates: dict[str, list[float]] = {name: [] for name in peers}

    def measure(name: str) -> Callable[[], float]:
        def cost() -> float:
            peer = peers[name]
            before = cpu_seconds(peer.pid)
            seconds = float(output([tool("load"), mode, str(peer.port), str(count)]))
            rates[name].append(count / seconds)
            return (cpu_seconds(peer.pid) - before) / count * 1e6

        return cost

    for peer in peers.values():
        output([tool("load"), mode, str(peer.port), str(warm_up)])
    costs = interleaved({name: measure(name) for name in peers}, effort.rounds(ROUNDS))
    figures = []
    for name in (name for name in peers if name != "pindrill"):
        figures += [
            Figure(
                name=f"{mode}: server CPU",
                value=median(costs["pindrill"]),
                unit="µs",
                peer=name,
                peer_value=median(costs[name]),
                ratio=ratio(costs, name, "pindrill"),
                budget=_BUDGET if name == "nginx" else None,
            ),
            Figure(
                name=f"{mode}: rate, one client",
                value=median(rates["pindrill"]),
                unit="/s",
                peer=name,
                peer_value=median(rates[name]),
                ratio=ratio(rates, "pindrill", name),
            ),
        ]
    what = "no application data" if mode == "handshake" else "one request and its answer"
    samples = {f"{name}, µs of CPU": costs[name] for name in peers} | {f"{name}, /s": rates[name] for name in peers}
    show(f"Full TLS 1.3 handshakes, {what}: P-256 leaf + intermediate, X25519, no tickets", figures, samples)
    return figures

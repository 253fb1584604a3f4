"""The interceptor: first contact, known names, relay, memory; against mitmproxy, and nginx where it can do the same."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import middles
from benchmarks.effort import Effort
from benchmarks.figures import Budget, Figure, interleaved, ratio, show
from benchmarks.machine import cpu_seconds, first_line, output, resident_bytes, running, tool
from benchmarks.middles import Middle, Origin

MIB = 1024 * 1024
ROUNDS = 3
# How much one round asks for: a slow peer gets less; the figures are per connection, per MiB.
CONNECTIONS = {"pindrill": 200, "mitmproxy": 30}
BYTES = {"pindrill": 1024 * MIB, "nginx": 1024 * MIB, "mitmproxy": 128 * MIB}
REQUESTS = {"pindrill": 20_000, "nginx": 20_000, "mitmproxy": 2_000}
HELD = {"pindrill": 1_000, "nginx": 1_000, "mitmproxy": 200}
IDLE = {"pindrill": 5_000, "nginx": 5_000, "mitmproxy": 500}

_FIRST = Budget(
    text="at least 10x mitmproxy",
    sense="at least",
    limit=10,
    known_reason="two full handshakes of OpenSSL are most of it, and client and origin share the cores",
)
_RELAY = Budget(
    text="at least 20x mitmproxy",
    sense="at least",
    limit=20,
    known_reason="it is level with nginx, so the kernel and AES set the limit; mitmproxy is measured as raw TCP",
)
_MODES = {"stage": "decrypted", "pass": "passed through"}


def run(directory: Path, effort: Effort) -> list[Figure]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = [
        f"{who}{n}x{i}.{middles.HOST}"
        for who, count in CONNECTIONS.items()
        for n in range(ROUNDS)
        for i in range(count)
    ]
    bench = _Bench.here(effort)
    with middles.origin(directory, names) as server:
        figures = _contacts(server, bench)
        for mode in ("stage", "pass"):
            figures += _relay(server, mode, bench)
            figures += _memory(server, mode, bench)
    return figures


@dataclass(frozen=True)
class _Bench:
    """What takes part, and how much is asked of it."""

    effort: Effort
    present: tuple[str, ...]
    title: str

    @classmethod
    def here(cls, effort: Effort) -> _Bench:
        mitmproxy = middles.mitmproxy_version(effort)
        there = {"pindrill": True, "mitmproxy": bool(mitmproxy), "nginx": middles.has_nginx(effort)}
        return cls(effort, tuple(name for name in there if there[name]), f"mitmproxy {mitmproxy}")

    def amounts(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return {name: self.effort.count(amount) for name, amount in wanted.items() if name in self.present}

    @property
    def rounds(self) -> int:
        return self.effort.rounds(ROUNDS)


@contextmanager
def _all(server: Origin, mode: str, names: list[str]) -> Iterator[Mapping[str, Middle]]:
    makes = {"pindrill": middles.pindrill, "mitmproxy": middles.mitmproxy, "nginx": middles.nginx}
    with ExitStack() as stack:
        yield {name: stack.enter_context(makes[name](server, mode)) for name in names}


def _contacts(server: Origin, bench: _Bench) -> list[Figure]:
    figures = []
    asked = bench.amounts(CONNECTIONS)
    used: dict[str, int] = dict.fromkeys(asked, 0)

    def measure(name: str, kind: str, middle: Middle, cpu: list[float]) -> Callable[[], float]:
        def microseconds() -> float:
            count = asked[name]
            to = f"{name}{used[name]}x" if kind == "first" else middles.HOST
            used[name] += kind == "first"
            before = cpu_seconds(middle.pid)
            took = float(output([tool("relay"), kind, str(middle.proxy), str(server.port), str(count), to]))
            cpu.append((cpu_seconds(middle.pid) - before) / count * 1e6)
            return took / count * 1e6

        return microseconds

    with _all(server, "stage", list(asked)) as middle:
        for kind, what in (("known", "known host name"), ("first", "new host name")):
            cpu: dict[str, list[float]] = {name: [] for name in asked}
            measures = {name: measure(name, kind, middle[name], cpu[name]) for name in asked}
            samples = interleaved(measures, bench.rounds)
            budget = _FIRST if kind == "first" else None
            both = [
                *_figures(what, samples, "µs", budget, more_is_better=False),
                *_figures(f"{what}: CPU of a connection", cpu, "µs", None, more_is_better=False),
            ]
            show(f"Contact, {what}: CONNECT, two handshakes, one answer ({bench.title})", both, samples)
            figures += both
    return figures


def _relay(server: Origin, mode: str, bench: _Bench) -> list[Figure]:
    figures = []
    with _all(server, mode, list(bench.amounts(BYTES))) as middle:
        for kind, wanted, what, unit in (
            ("down", BYTES, "one large answer", "MiB"),
            ("ask", REQUESTS, "small requests", ""),
        ):
            one, amounts = MIB if unit else 1, bench.amounts(wanted)
            cpu: dict[str, list[float]] = {name: [] for name in amounts}
            measures = {
                name: _rate(kind, middle[name], amounts[name], amounts[name] / one, cpu[name]) for name in amounts
            }
            samples = interleaved(measures, bench.rounds)
            budget = _RELAY if mode == "stage" else None
            label = f"{_MODES[mode]}, {what}"
            found = [
                *_figures(label, samples, f"{unit}/s", budget, more_is_better=True),
                *_figures(f"{label}: CPU", cpu, f"µs/{unit or 'request'}", None, more_is_better=False),
            ]
            show(f"Relay, {label} ({bench.title}, nginx stream)", found, samples)
            figures += found
    return figures


def _rate(kind: str, middle: Middle, amount: int, units: float, cpu: list[float]) -> Callable[[], float]:
    def per_second() -> float:
        before = cpu_seconds(middle.pid)
        seconds = float(output([tool("relay"), kind, str(middle.reverse), str(amount)]))
        cpu.append((cpu_seconds(middle.pid) - before) / units * 1e6)
        return units / seconds

    return per_second


def _memory(server: Origin, mode: str, bench: _Bench) -> list[Figure]:
    counts = bench.amounts(HELD if mode == "stage" else IDLE)

    def kib(name: str) -> float:
        with _all(server, mode, [name]) as middle:
            output([tool("relay"), "ask", str(middle[name].reverse), "1"])
            before = resident_bytes(middle[name].pid)
            with running([tool("relay"), "hold", str(middle[name].reverse), str(counts[name])]) as load:
                if first_line(load) != "ready":
                    raise RuntimeError(f"{name} did not take every connection")
                return (resident_bytes(middle[name].pid) - before) / counts[name] / 1024

    samples = interleaved({name: lambda name=name: kib(name) for name in counts}, bench.rounds)  # type: ignore[misc]
    figures = _figures(f"{_MODES[mode]}, idle connection", samples, "KiB", None, more_is_better=False)
    show(f"Memory, {_MODES[mode]}, over {counts['pindrill']:,} idle connections ({bench.title})", figures, samples)
    return figures


def _figures(
    name: str, samples: Mapping[str, list[float]], unit: str, budget: Budget | None, *, more_is_better: bool
) -> list[Figure]:
    """Against every peer that took part; the budget is for mitmproxy."""
    return [
        _figure(name, samples, peer, unit, budget if peer == "mitmproxy" else None, more_is_better=more_is_better)
        for peer in samples
        if peer != "pindrill"
    ]


def _figure(
    name: str, samples: Mapping[str, list[float]], peer: str, unit: str, budget: Budget | None, *, more_is_better: bool
) -> Figure:
    above, below = ("pindrill", peer) if more_is_better else (peer, "pindrill")
    return Figure(
        name=name,
        value=median(samples["pindrill"]),
        unit=unit,
        peer=peer,
        peer_value=median(samples[peer]),
        ratio=ratio(samples, above, below),
        budget=budget,
    )

"""The interceptor: first contact, known names, relay, memory; against mitmproxy, and nginx where it can do the same."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks import middles
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


def run(directory: Path) -> list[Figure]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = [
        f"{who}{n}x{i}.{middles.HOST}"
        for who, count in CONNECTIONS.items()
        for n in range(ROUNDS)
        for i in range(count)
    ]
    title = f"mitmproxy {middles.mitmproxy_version()}"
    with middles.origin(directory, names) as server:
        figures = _contacts(server, title)
        for mode in ("stage", "pass"):
            figures += _relay(server, mode, title)
            figures += _memory(server, mode, title)
    return figures


@contextmanager
def _all(server: Origin, mode: str, names: list[str]) -> Iterator[Mapping[str, Middle]]:
    makes = {"pindrill": middles.pindrill, "mitmproxy": middles.mitmproxy, "nginx": middles.nginx}
    with ExitStack() as stack:
        yield {name: stack.enter_context(makes[name](server, mode)) for name in names}


def _contacts(server: Origin, title: str) -> list[Figure]:
    figures = []
    used: dict[str, int] = dict.fromkeys(CONNECTIONS, 0)

    def measure(name: str, kind: str, middle: Middle, cpu: list[float]) -> Callable[[], float]:
        def microseconds() -> float:
            count = CONNECTIONS[name]
            to = f"{name}{used[name]}x" if kind == "first" else middles.HOST
            used[name] += kind == "first"
            before = cpu_seconds(middle.pid)
            took = float(output([tool("relay"), kind, str(middle.proxy), str(server.port), str(count), to]))
            cpu.append((cpu_seconds(middle.pid) - before) / count * 1e6)
            return took / count * 1e6

        return microseconds

    with _all(server, "stage", list(CONNECTIONS)) as middle:
        for kind, what in (("known", "known host name"), ("first", "new host name")):
            cpu: dict[str, list[float]] = {name: [] for name in CONNECTIONS}
            samples = interleaved({name: measure(name, kind, middle[name], cpu[name]) for name in CONNECTIONS}, ROUNDS)
            budget = _FIRST if kind == "first" else None
            both = [
                _figure(what, samples, "mitmproxy", "µs", budget, more_is_better=False),
                _figure(f"{what}: CPU of a connection", cpu, "mitmproxy", "µs", None, more_is_better=False),
            ]
            show(f"Contact, {what}: CONNECT, two handshakes, one answer ({title})", both, samples)
            figures += both
    return figures


def _relay(server: Origin, mode: str, title: str) -> list[Figure]:
    figures = []
    with _all(server, mode, list(BYTES)) as middle:
        for kind, amounts, what, unit in (
            ("down", BYTES, "one large answer", "MiB"),
            ("ask", REQUESTS, "small requests", ""),
        ):
            one = MIB if unit else 1
            cpu: dict[str, list[float]] = {name: [] for name in amounts}
            measures = {
                name: _rate(kind, middle[name], amounts[name], amounts[name] / one, cpu[name]) for name in amounts
            }
            samples = interleaved(measures, ROUNDS)
            budget = _RELAY if mode == "stage" else None
            label = f"{_MODES[mode]}, {what}"
            found = [
                _figure(label, samples, "mitmproxy", f"{unit}/s", budget, more_is_better=True),
                _figure(label, samples, "nginx", f"{unit}/s", None, more_is_better=True),
                _figure(f"{label}: CPU", cpu, "mitmproxy", f"µs/{unit or 'request'}", None, more_is_better=False),
                _figure(f"{label}: CPU", cpu, "nginx", f"µs/{unit or 'request'}", None, more_is_better=False),
            ]
            show(f"Relay, {label} ({title}, nginx stream)", found, samples)
            figures += found
    return figures


def _rate(kind: str, middle: Middle, amount: int, units: float, cpu: list[float]) -> Callable[[], float]:
    def per_second() -> float:
        before = cpu_seconds(middle.pid)
        seconds = float(output([tool("relay"), kind, str(middle.reverse), str(amount)]))
        cpu.append((cpu_seconds(middle.pid) - before) / units * 1e6)
        return units / seconds

    return per_second


def _memory(server: Origin, mode: str, title: str) -> list[Figure]:
    counts = HELD if mode == "stage" else IDLE

    def kib(name: str) -> float:
        with _all(server, mode, [name]) as middle:
            output([tool("relay"), "ask", str(middle[name].reverse), "1"])
            before = resident_bytes(middle[name].pid)
            with running([tool("relay"), "hold", str(middle[name].reverse), str(counts[name])]) as load:
                if first_line(load) != "ready":
                    raise RuntimeError(f"{name} did not take every connection")
                return (resident_bytes(middle[name].pid) - before) / counts[name] / 1024

    samples = interleaved({name: lambda name=name: kib(name) for name in counts}, ROUNDS)  # type: ignore[misc]
    figures = [
        _figure(f"{_MODES[mode]}, idle connection", samples, peer, "KiB", None, more_is_better=False)
        for peer in ("mitmproxy", "nginx")
    ]
    show(f"Memory, {_MODES[mode]}, over {counts['pindrill']:,} idle connections ({title})", figures, samples)
    return figures


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

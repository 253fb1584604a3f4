"""P-256 leaves from existing keys, one thread."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import trustme
from pindrill import _core

from benchmarks.effort import Effort
from benchmarks.figures import Budget, Figure, interleaved, ratio, show
from benchmarks.machine import named_values, output, tool

SECONDS = 0.6
HOST = "app.pin.test"


def run(_: Path, effort: Effort) -> list[Figure]:
    seconds = effort.seconds(SECONDS)
    root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("root", ca=True))
    issuer = root.intermediate(_core.KeyPair.generate("p-256"), _core.CertificateSpec("issuer", ca=True))
    key = _core.KeyPair.generate("p-256")
    spec = _core.CertificateSpec(HOST, dns=[HOST])
    theirs = trustme.CA()
    latest: dict[str, float] = {}

    def cpp() -> float:
        latest.update(named_values([tool("mint"), str(seconds)]))
        return latest["leaves"]

    samples = interleaved(
        {
            "C++": cpp,
            "its signature": lambda: latest["signatures"],
            "Python": lambda: _per_second(seconds, lambda: issuer.issue(key, spec)),
            "Python, new key": lambda: _per_second(
                seconds, lambda: issuer.issue(_core.KeyPair.generate("p-256"), _core.CertificateSpec(HOST, dns=[HOST]))
            ),
            "openssl speed": _openssl_signatures,
            "trustme": lambda: _per_second(seconds, lambda: theirs.issue_cert(HOST)),
        },
        effort.rounds(9),
    )

    def figure(name: str, ours: str, peer: str, budget: Budget | None) -> Figure:
        return Figure(
            name=name,
            value=median(samples[ours]),
            unit="/s",
            peer=peer,
            peer_value=median(samples[peer]),
            ratio=ratio(samples, ours, peer),
            budget=budget,
        )

    third = Budget(text="within 3x of the signature (0.33)", sense="at least", limit=1 / 3)
    triple = Budget(text="at least 3x trustme", sense="at least", limit=3)
    figures = [
        figure("leaf, C++", "C++", "its signature", third),
        figure("leaf, C++", "C++", "openssl speed", None),
        figure("leaf, Python", "Python", "openssl speed", None),
        figure("leaf, C++", "C++", "trustme", triple),
        figure("leaf, Python", "Python", "trustme", triple),
        figure("leaf with a new key, as trustme's", "Python, new key", "trustme", None),
    ]
    show("Minting (trustme makes a new P-256 key for each leaf; pindrill from existing keys)", figures, samples)
    return figures


def _per_second(seconds: float, work: Callable[[], object]) -> float:
    for _ in range(100):
        work()
    start, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(20):
            work()
        done += 20
    return done / passed


def _openssl_signatures() -> float:
    text = output(["openssl", "speed", "-elapsed", "-seconds", "1", "-mr", "ecdsap256"])
    # +F4:<index>:<bits>:<signatures/s>:<verifications/s>
    found = re.search(r"^\+F4:\d+:\d+:([\d.]+):", text, re.MULTILINE)
    if not found:
        raise ValueError(f"openssl speed said nothing about signatures: {text}")
    return float(found.group(1))

"""What the harness adds to a client's own run time, and how well a drill uses all cores.

The client's own run time is measured bare: the same command through the same fork and exec by the same
process, in the same round, at one genuine server that is kept up. A drill counts from an empty keyring to its
last result line, without the start of Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pindrill import _core
from pindrill.clients.process import run as run_under_shepherd
from pindrill.clients.process import scrubbed_environment
from pindrill.drills.lab import Lab, drill_on
from pindrill.drills.options import DrillOptions
from pindrill.drills.subjects import subject_of
from pindrill.http_response import Respond
from pindrill.interruption import Started
from pindrill.keyring import Keyring
from pindrill.machine.directories import run_directory
from pindrill.machine.names import own_address
from pindrill.mint import Mint
from pindrill.model import GENUINE, HOST, STRATEGY, TRUSTED_ROOTS, PinsOf
from pindrill.scenarios import matching

from benchmarks.effort import Effort
from benchmarks.figures import Budget, Figure, interleaved, show

CURL = (
    "curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}",
    "--resolve", "{host}:{port}:{address}", "{url}",
)  # fmt: skip
SLOW = (
    sys.executable, str(Path(__file__).with_name("slow_client.py")),
    "{address}", "{host}", "{port}", "{path}", "{ca_file}", "{pins}",
)  # fmt: skip
_SCENARIO = "baseline/genuine-chain-tls13"
_STRATEGY = STRATEGY["leaf-spki+backup"]
_CORES = os.cpu_count() or 1
_PER_CELL = Budget(text="3 ms", sense="at most", limit=3)
_EFFICIENCY = Budget(text="0.9 of client time / cores", sense="at least", limit=0.9)


@dataclass(frozen=True)
class Bare:
    """A client's command, filled in for a server that stays."""

    argv: Sequence[str]
    environment: dict[str, str]
    server: _core.Server

    def once(self) -> None:
        with subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
        ) as process:
            stdout, stderr = process.communicate()
        _must_have_passed(process.returncode, stdout, stderr)

    def under_shepherd(self) -> None:
        ended = run_under_shepherd(self.argv, environment=self.environment, deadline_s=10)
        _must_have_passed(ended.exit_code, ended.stdout, ended.stderr)


def run(_: Path, effort: Effort) -> list[Figure]:
    curl = _of("curl", CURL, effort.count(40), effort.rounds(9))
    return [*curl, *_of("slow client", SLOW, effort.count(8), effort.rounds(9))]


def _of(client: str, template: Sequence[str], cells: int, rounds: int) -> list[Figure]:
    with _bare(template) as bare:
        samples = interleaved(
            {
                "bare": lambda: _ms_each(cells, lambda: _in_turn(bare.once, cells)),
                "under the shepherd": lambda: _ms_each(cells, lambda: _in_turn(bare.under_shepherd, cells)),
                "drill, 1 job": lambda: _ms_each(cells, lambda: _drill(template, cells, jobs=1)),
                "drill of 1 cell": lambda: _ms_each(1, lambda: _drill(template, 1, jobs=1)),
                f"bare, {_CORES} at once": lambda: _ms_each(cells, lambda: _at_once(bare.once, cells)),
                f"drill, {_CORES} jobs": lambda: _ms_each(cells, lambda: _drill(template, cells, jobs=_CORES)),
            },
            rounds,
        )

    def beyond_bare(name: str) -> float:
        return median(took - own for took, own in zip(samples[name], samples["bare"], strict=True))

    def efficiency(name: str) -> float:
        pairs = zip(samples["bare"], samples[name], strict=True)
        return median(own / _CORES / took for own, took in pairs)

    own = median(samples["bare"])
    ideal = f"bare, {_CORES} at once"
    figures = [
        Figure(name=f"{client}: overhead of a cell", value=beyond_bare("drill, 1 job"), unit="ms",
               peer="client alone", peer_value=own, budget=_PER_CELL),
        Figure(name=f"{client}: of that, the shepherd", value=beyond_bare("under the shepherd"), unit="ms"),
        Figure(name=f"{client}: a drill of one cell", value=beyond_bare("drill of 1 cell"), unit="ms"),
        Figure(name=f"{client}: parallel efficiency", value=efficiency(f"drill, {_CORES} jobs"), unit="",
               peer=ideal, peer_value=efficiency(ideal), budget=_EFFICIENCY),
    ]  # fmt: skip
    show(f"Drill of {cells} cells of {client}: ms for each cell", figures, samples)
    return figures


@contextmanager
def _bare(template: Sequence[str]) -> Iterator[Bare]:
    with Started() as stack:
        yield _bare_in(run_directory(stack).path, template)


def _bare_in(directory: Path, template: Sequence[str]) -> Bare:
    mint = Mint(Keyring())
    trust = directory / "trust.pem"
    trust.write_text(mint.trust_pem(TRUSTED_ROOTS))
    context = _core.ServerContext(min_version="1.3")
    address = own_address()
    server = _core.Server(
        _core.Loop(),
        address,
        0,
        context,
        "genuine",
        mint.credential(GENUINE),
        Respond().text("pd7c" + "0" * 24),
    )
    pins = mint.pins(_STRATEGY, PinsOf())
    path = "/pd7s" + "0" * 24
    values = {
        "url": f"https://{HOST}:{server.port}{path}", "host": HOST, "port": str(server.port), "path": path,
        "address": address, "ca_file": str(trust), "pins": ",".join(pins),
        "pins_curl": ";".join(f"sha256//{pin}" for pin in pins),
    }  # fmt: skip
    argv = [shutil.which(template[0]) or template[0], *(part.format_map(values) for part in template[1:])]
    bare = Bare(argv, scrubbed_environment(directory, {}), server)
    bare.once()
    return bare


def _drill(template: Sequence[str], cells: int, jobs: int) -> None:
    asked = DrillOptions(
        scenarios=matching(_SCENARIO), strategies=(_STRATEGY,), versions=("1.3",), rounds=cells, jobs=jobs
    )
    subject = subject_of(template, pinned=None)
    with Lab() as lab, Started() as started:
        verdicts = drill_on(lab.bench(started, subject), subject, asked).run(lambda line, total: None)
    words = [line.verdict for line in verdicts.lines]
    if words != ["pass"] * cells:
        raise RuntimeError(f"the drill did not pass: {words}")


def _in_turn(work: Callable[[], None], count: int) -> None:
    for _ in range(count):
        work()


def _at_once(work: Callable[[], None], count: int) -> None:
    with ThreadPoolExecutor(_CORES) as pool:
        for done in [pool.submit(work) for _ in range(count)]:
            done.result()


def _ms_each(count: int, work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / count * 1000


def _must_have_passed(code: int | None, stdout: bytes, stderr: bytes) -> None:
    if code != 0 or b"pd7c" not in stdout:
        raise RuntimeError(f"the client did not pass at the genuine server: exit {code}: {stderr!r}")

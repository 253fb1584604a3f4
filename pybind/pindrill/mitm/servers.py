"""Scenario servers that are reached through mitmproxy: one mitmdump for a run, a port of its own for each server.

mitmdump shows the credential and relays to a server of ours that gives the answer. What the client did is told by
the addon; what the server behind it saw is mitmproxy's doing and counts for nothing.
"""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from typing import Any

from msgspec.structs import replace

from pindrill import _core
from pindrill.mitm.install import Mitmdump
from pindrill.mitm.process import Process, credential_order
from pindrill.mitm.recorder import AddonEvent
from pindrill.mitm.told import EventLog
from pindrill.model import TlsVersion
from pindrill.results.line import ResultLine, RunResult

_MODE = "reverse:https://unknown.invalid:443"
"""Where to is decided by the port that a client comes to."""
_SPARE_S = 30.0


class MitmServers:
    """`open` stands where a drill would open a server of our own."""

    def __init__(self, mitmdump: Mitmdump) -> None:
        self.mitmdump = mitmdump
        self.told = EventLog()
        self._contacts: dict[int, list[AddonEvent]] = defaultdict(list)
        self._lock = threading.Lock()
        self._loop = _core.Loop()
        self._context = _core.ServerContext()
        key = _core.KeyPair.generate("p-256")
        spec = _core.CertificateSpec("pindrill TEST behind mitmproxy")
        self._behind = _core.Credential(key, [_core.self_signed(key, spec)])
        self._process = Process(
            mitmdump, _MODE, private_addresses=True, verify_upstream=False, take=self._take, kept_plaintext=0
        )

    @property
    def version(self) -> str:
        return self._process.version

    def told_of(self, line: ResultLine) -> ResultLine:
        """With who stood between, and what its own events said of each connection."""
        stages = tuple(replace(stage, runs=tuple(map(self._with_events, stage.runs))) for stage in line.stages)
        return replace(line, via=f"mitmproxy {self.version}", stages=stages)

    def _with_events(self, run: RunResult) -> RunResult:
        return replace(run, observations=tuple(map(self.told.annotated, run.observations)))

    def open(
        self, address: str, tls: TlsVersion, label: str, credential: _core.Credential, response: str
    ) -> MitmServer:
        behind = _core.Server(self._loop, address, 0, self._context, label, self._behind, response)
        return MitmServer(self, self._process, self._behind, behind, address, tls, (label, credential))

    def close(self) -> None:
        self._process.close()

    def contacts(self, port: int) -> list[AddonEvent]:
        with self._lock:
            return list(self._contacts[port])

    def forget(self, port: int) -> None:
        with self._lock:
            self._contacts.pop(port, None)
        self._process.tell("close", port=port)

    def _take(self, event: AddonEvent) -> None:
        self.told.note(event)
        with self._lock:
            self._contacts[event["listener"]].append(event)


class MitmServer:
    """Methods as those of `_core.Server`, as far as a drill uses them."""

    def __init__(
        self,
        servers: MitmServers,
        process: Process,
        credential_behind: _core.Credential,
        behind: _core.Server,
        address: str,
        tls: TlsVersion,
        shown: tuple[str, _core.Credential],
    ) -> None:
        self._servers = servers
        self._process = process
        self._credential_behind = credential_behind
        self._behind = behind
        self._tls = tls
        self.port: int = process.ask(
            "listen",
            way="reverse",
            address=address,
            port=0,
            upstream=[address, behind.port],
            show=self._order(*shown),
        )["port"]
        self._end = weakref.finalize(self, servers.forget, self.port)

    def serve(self, label: str, credential: _core.Credential, response: str, *, takes_tickets: bool = True) -> None:
        """For connections that are accepted from now on; there are no tickets to be taken."""
        self._behind.serve(label, self._credential_behind, response)
        self._process.ask("show", port=self.port, show=self._order(label, credential))

    def settle(self, timeout_s: float) -> bool:
        order = {"port": self.port, "timeout_s": timeout_s}
        return bool(self._process.ask("settle", patience_s=timeout_s + _SPARE_S, **order)["settled"])

    def observations(self) -> list[dict[str, Any]]:
        still_open = {facts["id"]: facts for facts in self._process.open(self.port)}
        ended = {facts["id"]: facts for facts in self._servers.contacts(self.port)}
        every = {**still_open, **ended}
        return [_observation(number, every[each]) for number, each in enumerate(sorted(every), start=1)]

    def _order(self, label: str, credential: _core.Credential) -> dict[str, str]:
        return {**credential_order(label, credential), "min": self._tls, "max": self._tls}


def _observation(number: int, facts: AddonEvent) -> dict[str, Any]:
    seen = facts["seen"]
    return {
        **seen,
        "number": number,
        "response_sent_at": facts["delivered_at"],
        "failure": seen["failure"] or facts["failure"] or facts["upstream_failure"],
    }

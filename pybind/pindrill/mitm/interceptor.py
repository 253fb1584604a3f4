"""mitmproxy behind the face of our own interceptor: the audit takes either."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pindrill import _core
from pindrill.interruption import Started
from pindrill.mitm.install import Mitmdump
from pindrill.mitm.process import Process, credential_order
from pindrill.mitm.told import EventLog

_MODES = {
    "proxy": "regular",
    "socks": "socks5",
    "transparent": "transparent",
    "direct": "reverse:https://unknown.invalid:443",
}
_NUMBERS = 40
"""Bits of the numbers of one mitmdump's connections; above stands which mitmdump."""
_POLL_S = 0.05


class MitmInterceptor:
    """A mitmdump per way in. Methods as those of `_core.Interceptor`."""

    def __init__(
        self,
        mitmdump: Mitmdump,
        *,
        hosts: Mapping[str, str] | None = None,
        private_addresses: bool = False,
        upstream_trust: str = "",
        clients: Sequence[str] = (),
        patience_s: float = 30.0,
    ) -> None:
        """`clients`: networks that are served besides loopback."""
        self.told = EventLog()
        """What mitmproxy's own events said, beside what the connections showed."""
        self._mitmdump = mitmdump
        self._options: dict[str, Any] = {
            "hosts": dict(hosts or {}),
            "private_addresses": private_addresses,
            "upstream_trust": upstream_trust,
            "clients": ["127.0.0.0/8", "::1", *clients],
            "patience_s": patience_s,
        }
        self._chains = _core.Interceptor(
            _core.Loop(), hosts=dict(hosts or {}), private_addresses=private_addresses, upstream_trust=upstream_trust
        )
        self._started = Started()
        self._processes: list[Process] = []

    def listen(self, way: str, address: str, port: int, upstream: tuple[str, int] | None = None) -> int:
        if way == "reverse":
            if upstream is None:
                raise _core.InputError("a reverse way in needs its upstream")
            host = f"[{upstream[0]}]" if ":" in upstream[0] else upstream[0]
            mode = f"reverse:https://{host}:{upstream[1]}"
        elif way in _MODES:
            mode = _MODES[way]
        else:
            raise _core.InputError(f"no way in is called '{way}'")
        process = self._started.start(lambda: Process(self._mitmdump, mode, **self._options), Process.close)
        self._processes.append(process)
        found: int = process.ask("listen", way=way, address=address, port=port, upstream=upstream)["port"]
        return found

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        end = time.monotonic() + timeout_s
        while True:
            for index, process in enumerate(self._processes):
                event = self._take(process, end if len(self._processes) == 1 else 0)
                if event is not None:
                    return self._event(index, event)
            left = end - time.monotonic()
            if left <= 0:
                return None
            if len(self._processes) != 1:
                time.sleep(min(left, _POLL_S))

    def pass_through(self, id: int, label: str) -> None:
        self._decide(id, {"label": label})

    def stage(self, id: int, label: str, credential: _core.Credential, hold_s: float = 0.0) -> None:
        """`hold_s`: how long an answer waits at least once the client has spoken."""
        self._decide(id, {**credential_order(label, credential), "hold_s": hold_s})

    def open(self) -> list[dict[str, Any]]:
        return [
            self._contact(index, facts) for index, process in enumerate(self._processes) for facts in process.open()
        ]

    def end_all(self) -> None:
        for process in self._processes:
            process.ask("end_all")

    def fetch_chain(self, host: str, port: int) -> list[_core.Certificate]:
        return self._chains.fetch_chain(host, port)

    @property
    def denied(self) -> int:
        return sum(process.denied for process in self._processes)

    @property
    def turned_away(self) -> int:
        """mitmproxy takes whatever comes."""
        return 0

    @property
    def pids(self) -> list[int]:
        """Of the mitmdumps."""
        return [process.pid for process in self._processes]

    def close(self) -> None:
        self._started.close()

    def _take(self, process: Process, end: float) -> dict[str, Any] | None:
        try:
            left = end - time.monotonic()
            event = process.events.get(timeout=left) if left > 0 else process.events.get_nowait()
        except queue.Empty:
            return None
        if event is None:
            process.events.put(None)
            process.check()
        return event

    def _event(self, index: int, event: dict[str, Any]) -> dict[str, Any]:
        if "seen" not in event:
            return {**event, "id": self._outer(index, event["id"])}
        contact = self._contact(index, event)
        self.told.note(event)
        return contact

    def _contact(self, index: int, facts: dict[str, Any]) -> dict[str, Any]:
        number = self._outer(index, facts["id"])
        own = ("listener", "own_event", "unknown", "delivered_at", "answered_at")
        contact = {name: value for name, value in facts.items() if name not in own}
        return {**contact, "id": number, "seen": {**facts["seen"], "number": number}}

    def _decide(self, number: int, answer: dict[str, Any]) -> None:
        process = self._processes[number >> _NUMBERS]
        process.check()
        process.decide(number & ((1 << _NUMBERS) - 1), answer)

    @staticmethod
    def _outer(index: int, number: int) -> int:
        return index << _NUMBERS | number

"""mitmproxy's own event of a handshake beside what the connection showed: where it would have misled."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pindrill.classify import REFUSALS, Shape, shape
from pindrill.model import Observation
from pindrill.results.line import ToldObservation

_ESTABLISHED = "tls_established_client"


class EventLog:
    """Of all contacts of a run; may be told from many threads."""

    def __init__(self) -> None:
        self.connections = 0
        """Of which mitmproxy told something."""
        self.misled: Counter[str] = Counter()
        self._by_time: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def note(self, contact: Mapping[str, Any]) -> None:
        event: str = contact["own_event"]
        if not event:
            return
        wrong = misled(event, Observation.from_dict(contact["seen"]))
        with self._lock:
            self.connections += 1
            self._by_time[contact["seen"]["accepted_at"]] = (event, wrong)
            if wrong:
                self.misled[wrong] += 1

    def annotated(self, observation: ToldObservation) -> ToldObservation:
        """With what mitmproxy said of that connection."""
        event, wrong = self._by_time.get(observation.accepted_at, ("", ""))
        if not event:
            return observation
        return replace(observation, mitmproxy_event=event, mitmproxy_would_mislead=wrong or None)

    def lines(self) -> list[str]:
        """For people."""
        if not self.misled:
            return []
        count = self.misled.total()
        head = f"mitmproxy's own events would have misled on {count} of {self.connections} connections:"
        return [head, *(f"  {times} x {what}" for what, times in self.misled.most_common())]


def misled(event: str, seen: Observation) -> str:
    """How the event alone would have misled whoever takes it for the client's answer; empty: it would not."""
    what = shape(seen, 0)
    established = event.startswith(_ESTABLISHED)
    if established and what in REFUSALS:
        return f"{_ESTABLISHED}, but the client {what.value}"
    if not established and what not in REFUSALS:
        said = "its data was read" if what is Shape.DATA else f"the client {what.value}, which is no refusal"
        return f"tls_failed_client, but {said}"
    return ""

"""Our end of the socket to the addon in mitmproxy: what it tells becomes questions and contacts (`recorder`).

`inside/channel.py` is the other end, and says how both speak.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pindrill import _core
from pindrill.mitm.recorder import KEPT_PLAINTEXT, AddonEvent, Recorder

_CONNECT = b"CONNECT "
_TLS_RECORD = 22
_MOST_KEPT = 4096
"""So many connections at once hand over what was readable; of more it is told as not read."""
_MAX_SIZE = 64 * 1024 * 1024
"""Of the bytes behind one event: asyncio hands on a quarter of a MiB at once."""


class AddonChannel:
    """`read` is for one thread, all else for any. Nothing waits for the addon: an addon that tells takes no orders
    meanwhile, so whoever waited to give it one and should read as well would hold both up for ever."""

    def __init__(
        self,
        end: socket.socket,
        *,
        asked: Callable[[AddonEvent], None],
        ended: Callable[[AddonEvent], None],
        other: Callable[[str, AddonEvent], None],
        kept: int = KEPT_PLAINTEXT,
    ) -> None:
        """`asked`: gets questions; `ended`: contacts that are over, while nobody can ask for open ones; `other`: events
        of no connection, by name."""
        self._end = end
        self._asked = asked
        self._ended = ended
        self._other = other
        self._kept = kept
        self._recorders: dict[int, Recorder] = {}
        self._lock = threading.Lock()
        """Of the recorders."""
        self._orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        """Not many: of each connection at most one is being waited for. Empty: the last."""

    def read(self) -> None:
        """Takes everything, to the end of the channel. From now on orders are sent."""
        threading.Thread(target=self._send, name="orders to mitmproxy", daemon=True).start()
        try:
            self._read()
        finally:
            self._orders.put(b"")

    def _read(self) -> None:
        with self._end.makefile("rb") as stream:
            while line := stream.readline():
                event: AddonEvent = json.loads(line)
                size = event.pop("size")
                if not 0 <= size <= _MAX_SIZE:
                    raise ValueError(f"the addon tells {size} bytes at once")
                data = stream.read(size)
                if len(data) < size:
                    return
                self._take(event, data)

    def order(self, do: str, **values: Any) -> None:
        self._orders.put(json.dumps({"do": do, **values}).encode() + b"\n")

    def decide(self, number: int, answer: dict[str, Any]) -> None:
        """What becomes of a connection. Without effect when it has ended meanwhile."""
        with self._lock:
            recorder = self._recorders.get(number)
        if recorder:
            self.order("decide", id=number, answer={"host": recorder.host, **answer})

    def open(self, listener: int | None = None) -> list[AddonEvent]:
        """The facts so far of connections that have not ended."""
        with self._lock:
            recorders = self._recorders.values()
            return [each.contact() for each in recorders if listener in (None, each.listener)]

    def _send(self) -> None:
        with suppress(OSError):  # it has gone, which `read` notices
            while line := self._orders.get():
                self._end.sendall(line)

    def _take(self, event: AddonEvent, data: bytes) -> None:
        number = event.get("id")
        if number is None:
            return self._other(event["event"], event)
        with self._lock:
            if event["event"] == "accepted":
                kept = self._kept if len(self._recorders) < _MOST_KEPT else 0
                self._recorders[number] = Recorder(event, kept=kept)
                return None
            recorder = self._recorders.get(number)
        if recorder is None:  # mitmproxy may close, and lose its server, behind the end that it told
            return None
        match event["event"]:
            case "begins":
                self.order("decide", id=number, answer=_beginning(recorder.way, event, data))
            case "hello":
                with self._lock:
                    question = recorder.hello(event, data)
                if event["standing"]:
                    self.decide(number, {})
                else:
                    self._asked(question)
            case "passing":
                with self._lock:
                    greeted = recorder.passing_hello(event, data)
                self.order("decide", id=number, answer={"greeted": greeted, "host": recorder.host})
            case "over":
                # At once, so that whoever looks at what is open and then at what has ended misses nothing.
                with self._lock:
                    recorder.take(event, data)
                    self._recorders.pop(number)
                    self._ended(recorder.contact())
            case _:
                with self._lock:
                    recorder.take(event, data)
        return None


def _beginning(way: str, event: AddonEvent, data: bytes) -> dict[str, Any]:
    """What the first bytes behind the words to a proxy are."""
    begins = _core.begins(data)
    if begins == "tls":
        return {"kind": "tls" if data[0] == _TLS_RECORD else "ssl2"}
    if begins is None:
        return {"kind": "unclear"}
    if way == "proxy" and not event["host"] and data.startswith(_CONNECT[: len(data)]):
        return {"kind": "proxy"}
    if way != "direct":
        return {"kind": "plain"}
    place = _core.host_field(data, event["port"])
    return {"kind": "plain", "host": place[0]} if place and place[0] else {"kind": "unclear"}

"""The addon's end of the socket to pindrill: everything is told there as it happens, and decided there.

An event is a line of JSON, with as many raw bytes behind it as its `size` says; an order is a line of JSON. Nothing is
read of the bytes here. Whoever tells waits until the kernel has taken it: where pindrill cannot follow, mitmproxy and
its clients wait, and nothing piles up.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import Any

_MAX_LINE = 8 * 1024 * 1024
_PATIENCE_S = 60
Order = dict[str, Any]


class Channel:
    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._asked: dict[int, asyncio.Future[Order]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.closed = False
        """Nobody listens any more."""

    async def serve(self, obey: Callable[[Order], Awaitable[None]]) -> None:
        """Until the other end closes. Orders are obeyed side by side."""
        reader, writer = await asyncio.open_connection(sock=self._end, limit=_MAX_LINE)
        try:
            while line := await reader.readline():
                order = json.loads(line)
                if order["do"] == "decide":
                    self._decided(order)
                else:
                    self.task(obey(order))
        except OSError:
            pass
        finally:
            self.closed = True
            writer.close()
            for future in self._asked.values():
                future.cancel()

    def tell(self, event: str, data: bytes = b"", **values: Any) -> None:
        if self.closed:
            return
        line = json.dumps({"event": event, "at": monotonic_ns(), "size": len(data), **values}).encode() + b"\n"
        left = memoryview(line + data)
        while left and not self.closed:
            try:
                left = left[self._end.send(left) :]
            except BlockingIOError:
                self._wait()
            except OSError:
                self.closed = True

    async def ask(self, event: str, data: bytes, patience_s: float, **values: Any) -> Order | None:
        """What is decided about a connection (`id`). None: nothing was, in time."""
        future: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
        self._asked[values["id"]] = future
        self.tell(event, data, **values)
        try:
            if not self.closed:
                await asyncio.wait({future}, timeout=patience_s)
            return future.result() if future.done() and not future.cancelled() else None
        finally:
            self._asked.pop(values["id"], None)

    def task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _wait(self) -> None:
        """Nothing is left out: who does not take it all is told nothing more."""
        room = select.poll()
        room.register(self._end, select.POLLOUT)
        if not room.poll(_PATIENCE_S * 1000):
            self.closed = True
            self._end.shutdown(socket.SHUT_RDWR)

    def _decided(self, order: Order) -> None:
        future = self._asked.get(order["id"])
        if future and not future.done():
            future.set_result(order["answer"])

"""Driven by pindrill: JSON Lines over an inherited socket say where to listen and what to show.

The addon accepts connections itself and hands them to mitmproxy, so that it sees every byte and every end. When the
socket closes, mitmproxy ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import ctx, version

from .addresses import private
from .facts import Facts
from .hooks import CURRENT, Hooks
from .streams import Writer, streams

_MAX_LINE = 8 * 1024 * 1024
_BACKLOG = 512
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104


@dataclass
class _Listener:
    socket: socket.socket
    way: str
    upstream: tuple[str, int] | None
    shown: dict[str, str] | None = None
    """Shown to everybody; nobody is asked."""
    open: dict[int, Facts] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


class Driven:
    """Answers for the hooks, and the addon's end of the channel."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.hooks = Hooks(self)
        self._settings = settings
        self._networks = [ipaddress.ip_network(each) for each in settings["clients"]]
        self._listeners: dict[int, _Listener] = {}
        self._of: dict[int, _Listener] = {}
        self._writers: dict[int, Writer] = {}
        self._questions: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: asyncio.StreamWriter | None = None

    def start(self) -> None:
        self._task(self._serve())

    # --- answers to the hooks ------------------------------------------------------------------------------------

    async def answer(self, facts: Facts) -> dict[str, Any] | None:
        if facts.standing:
            return facts.standing
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._questions[facts.id] = future
        asked = {name: getattr(facts, name) for name in ("id", "way", "client", "host", "port", "hello")}
        self._say({"event": "question", **asked})
        done, _ = await asyncio.wait({future}, timeout=self._settings["patience_s"])
        self._questions.pop(facts.id, None)
        return future.result() if done else None

    def upstream(self, facts: Facts) -> tuple[str, int] | None:
        listener = self._of[facts.id]
        return listener.upstream if listener.shown else None

    def forbidden(self, address: str, port: int) -> str:
        listener = self._listeners.get(port)
        if listener and listener.socket.getsockname()[0] in (address, *_EVERY_ADDRESS):
            return f"{address} is this interceptor itself: a loop"
        if private(address) and not self._settings["private_addresses"]:
            return f"{address} is a private address, and those were not allowed"
        return ""

    def renamed(self, host: str) -> str:
        return str(self._settings["hosts"].get(host.lower().rstrip("."), host))

    # --- the channel ---------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        channel = socket.socket(fileno=self._settings["channel"])
        reader, self._out = await asyncio.open_connection(sock=channel, limit=_MAX_LINE)
        self._say({"event": "ready", "mitmproxy": version.VERSION})
        while line := await reader.readline():
            order = json.loads(line)
            self._task(self._obey(order))
        os._exit(0)

    async def _obey(self, order: dict[str, Any]) -> None:
        try:
            result = await getattr(self, f"_do_{order['do']}")(order)
        except (OSError, ValueError) as error:
            result = {"error": str(error)}
        if "ask" in order:
            self._say({"event": "answer", "ask": order["ask"], **(result or {})})

    async def _do_listen(self, order: dict[str, Any]) -> dict[str, Any]:
        listening = socket.create_server(
            (order["address"], order["port"]),
            family=socket.AF_INET6 if ":" in order["address"] else socket.AF_INET,
            backlog=_BACKLOG,
        )
        listening.setblocking(False)
        upstream = order.get("upstream")
        listener = _Listener(listening, order["way"], tuple(upstream) if upstream else None, order.get("show"))
        self._listeners[listener.port] = listener
        asyncio.get_running_loop().add_reader(listening, self._accept, listener)
        return {"port": listener.port}

    async def _do_show(self, order: dict[str, Any]) -> None:
        self._listeners[order["port"]].shown = order["show"]

    async def _do_decide(self, order: dict[str, Any]) -> None:
        future = self._questions.pop(order["id"], None)
        if future and not future.done():
            future.set_result(order["answer"])

    async def _do_open(self, order: dict[str, Any]) -> dict[str, Any]:
        listeners = self._chosen(order)
        for listener in listeners:
            self._accept(listener)
        return {"open": [facts.to_json() for listener in listeners for facts in listener.open.values()]}

    async def _do_settle(self, order: dict[str, Any]) -> dict[str, Any]:
        """Everything that was ever in the backlog has come, and ended."""
        [listener] = self._chosen(order)
        self._accept(listener)
        if listener.open:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            listener.waiting.append(future)
            await asyncio.wait({future}, timeout=order["timeout_s"])
        return {"settled": not listener.open}

    async def _do_end_all(self, order: dict[str, Any]) -> None:
        for writer in list(self._writers.values()):
            writer.abort()

    async def _do_close(self, order: dict[str, Any]) -> None:
        listener = self._listeners.pop(order["port"])
        asyncio.get_running_loop().remove_reader(listener.socket)
        listener.socket.close()
        for number in listener.open:
            if number in self._writers:
                self._writers[number].abort()

    def _chosen(self, order: dict[str, Any]) -> list[_Listener]:
        return [self._listeners[order["port"]]] if "port" in order else list(self._listeners.values())

    def _say(self, event: dict[str, Any]) -> None:
        if self._out:
            self._out.write(json.dumps(event).encode() + b"\n")

    # --- connections ---------------------------------------------------------------------------------------------

    def _accept(self, listener: _Listener) -> None:
        while True:
            try:
                connection, peer = listener.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._say({"event": "trouble", "error": f"a connection could not be accepted: {error.strerror}"})
                return
            if not any(ipaddress.ip_address(peer[0].partition("%")[0]) in each for each in self._networks):
                connection.close()
                self._say({"event": "denied"})
                continue
            facts = Facts(next(self._numbers), listener.way, peer[0], standing=listener.shown)
            facts.label = listener.shown["label"] if listener.shown else ""
            if listener.way == "reverse" and listener.upstream:
                facts.host, facts.port = listener.upstream
            elif listener.way == "direct":
                facts.port = listener.port
            listener.open[facts.id] = facts
            self._of[facts.id] = listener
            self._task(self._handle(connection, facts))

    async def _handle(self, connection: socket.socket, facts: Facts) -> None:
        CURRENT.set(facts)
        listener = self._of[facts.id]
        loop = asyncio.get_running_loop()
        try:
            reader, writer = await streams(connection, facts)
            self._writers[facts.id] = writer
            impatience = loop.call_later(self._settings["patience_s"], self._give_up, facts)
            await _entry()(reader, writer)
            impatience.cancel()
            writer.close()
            await writer.over.wait()
        except Exception as error:  # one connection; the others go on
            facts.failure = facts.failure or f"mitmproxy failed: {error!r}"
        finally:
            self._writers.pop(facts.id, None)
            del listener.open[facts.id], self._of[facts.id]
            self._say({"event": "contact", "listener": listener.port, **facts.to_json()})
            if not listener.open:
                for future in listener.waiting:
                    if not future.done():
                        future.set_result(None)
                listener.waiting.clear()

    def _give_up(self, facts: Facts) -> None:
        if not facts.decided and facts.id in self._writers:
            facts.failure = facts.failure or "nothing whole came in time"
            self._writers[facts.id].abort()

    def _task(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _entry() -> Any:
    """What mitmproxy does with the streams of an accepted connection, by version."""
    proxyserver = ctx.master.addons.get("proxyserver")
    if hasattr(proxyserver, "handle_tcp_connection"):  # 8
        return proxyserver.handle_tcp_connection
    from mitmproxy.proxy.mode_servers import ServerInstance  # noqa: PLC0415  (9 and later)

    instance = ServerInstance.make(ctx.options.mode[0], proxyserver)
    return getattr(instance, "handle_stream", None) or instance.handle_tcp_connection

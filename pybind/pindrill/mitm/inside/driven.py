"""Driven by pindrill: orders over an inherited socket say where to listen and what to show.

The addon accepts connections itself and hands them to mitmproxy, so that it tells every byte and every end. When the
socket closes, mitmproxy ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import ctx, version

from .addresses import private
from .channel import Channel, Order
from .hooks import CURRENT, Hooks
from .reporter import Reporter
from .streams import Writer, streams

_BACKLOG = 512
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104


@dataclass
class _Listener:
    socket: socket.socket
    way: str
    upstream: tuple[str, int] | None
    shown: dict[str, str] | None = None
    """Shown to everybody; nobody is asked."""
    open: set[int] = field(default_factory=set)
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
        self._numbers = iter(range(1, 1 << 62))
        self._channel = Channel(socket.socket(fileno=settings["channel"]))

    def start(self) -> None:
        self._channel.task(self._serve())

    # --- answers to the hooks ------------------------------------------------------------------------------------

    async def answer(self, reporter: Reporter, hello: bytes) -> dict[str, Any] | None:
        answer = await self._ask("hello", reporter, hello, standing=reporter.standing is not None)
        return answer and {**answer, **(reporter.standing or {})}

    async def beginning(self, reporter: Reporter, data: bytes) -> dict[str, Any]:
        return await self._ask("begins", reporter, data) or {"kind": "tls"}

    def upstream(self, reporter: Reporter) -> tuple[str, int] | None:
        listener = self._of[reporter.id]
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
        self._channel.tell("ready", mitmproxy=version.VERSION)
        await self._channel.serve(self._obey)
        os._exit(0)

    async def _ask(self, event: str, reporter: Reporter, data: bytes, **values: Any) -> Order | None:
        told = {"id": reporter.id, "host": reporter.host, "port": reporter.port}
        return await self._channel.ask(event, data, self._settings["patience_s"], **told, **values)

    async def _obey(self, order: Order) -> None:
        try:
            result = await getattr(self, f"_do_{order['do']}")(order)
        except (OSError, ValueError) as error:
            result = {"error": str(error)}
        if "ask" in order:
            self._channel.tell("answer", ask=order["ask"], **(result or {}))

    async def _do_listen(self, order: Order) -> dict[str, Any]:
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

    async def _do_show(self, order: Order) -> None:
        self._listeners[order["port"]].shown = order["show"]

    async def _do_open(self, order: Order) -> None:
        """All that wait to be accepted are, and what is open has been told when this is answered."""
        for listener in self._chosen(order):
            self._accept(listener)

    async def _do_settle(self, order: Order) -> dict[str, Any]:
        """Everything that was ever in the backlog has come, and ended."""
        [listener] = self._chosen(order)
        self._accept(listener)
        if listener.open:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            listener.waiting.append(future)
            await asyncio.wait({future}, timeout=order["timeout_s"])
        return {"settled": not listener.open}

    async def _do_end_all(self, order: Order) -> None:
        for writer in list(self._writers.values()):
            writer.abort()

    async def _do_close(self, order: Order) -> None:
        listener = self._listeners.pop(order["port"])
        asyncio.get_running_loop().remove_reader(listener.socket)
        listener.socket.close()
        for number in listener.open:
            if number in self._writers:
                self._writers[number].abort()

    def _chosen(self, order: Order) -> list[_Listener]:
        return [self._listeners[order["port"]]] if "port" in order else list(self._listeners.values())

    # --- connections ---------------------------------------------------------------------------------------------

    def _accept(self, listener: _Listener) -> None:
        while True:
            try:
                connection, peer = listener.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._channel.tell("trouble", error=f"a connection could not be accepted: {error.strerror}")
                return
            if not any(ipaddress.ip_address(peer[0].partition("%")[0]) in each for each in self._networks):
                connection.close()
                self._channel.tell("denied")
                continue
            reporter = Reporter(self._channel, next(self._numbers), listener.way, peer[0])
            reporter.listener, reporter.standing = listener.port, listener.shown
            if listener.way == "reverse" and listener.upstream:
                reporter.host, reporter.port = listener.upstream
            elif listener.way == "direct":
                reporter.port = listener.port
            listener.open.add(reporter.id)
            self._of[reporter.id] = listener
            reporter.begin()
            self._channel.task(self._handle(connection, reporter))

    async def _handle(self, connection: socket.socket, reporter: Reporter) -> None:
        CURRENT.set(reporter)
        listener = self._of[reporter.id]
        loop = asyncio.get_running_loop()
        try:
            reader, writer = await streams(connection, reporter)
            self._writers[reporter.id] = writer
            impatience = loop.call_later(self._settings["patience_s"], self._give_up, reporter)
            await _entry()(reader, writer)
            impatience.cancel()
            writer.close()
            await writer.over.wait()
        except Exception as error:  # one connection; the others go on
            reporter.failed(f"mitmproxy failed: {error!r}")
        finally:
            self._writers.pop(reporter.id, None)
            listener.open.remove(reporter.id)
            del self._of[reporter.id]
            reporter.over()
            if not listener.open:
                for future in listener.waiting:
                    if not future.done():
                        future.set_result(None)
                listener.waiting.clear()

    def _give_up(self, reporter: Reporter) -> None:
        if not reporter.decided and reporter.id in self._writers:
            reporter.failed("nothing whole came in time")
            self._writers[reporter.id].abort()


def _entry() -> Any:
    """What mitmproxy does with the streams of an accepted connection, by version."""
    proxyserver = ctx.master.addons.get("proxyserver")
    if hasattr(proxyserver, "handle_tcp_connection"):  # 8
        return proxyserver.handle_tcp_connection
    from mitmproxy.proxy.mode_servers import ServerInstance  # noqa: PLC0415  (9 and later)

    instance = ServerInstance.make(ctx.options.mode[0], proxyserver)
    return getattr(instance, "handle_stream", None) or instance.handle_tcp_connection

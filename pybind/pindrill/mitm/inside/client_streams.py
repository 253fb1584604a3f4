"""Looks at the streams that mitmproxy itself opened for a client; `streams` makes better ones."""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy import ctx

from .facts import Facts

UNSEEN = ["bytes of connections that are passed through", "FIN or RST", "whether the certificate had left"]
"""What is not known where mitmproxy's streams are not those of asyncio (WireGuard, local capture)."""


def watch_streams(client: Any, facts: Facts) -> None:
    transport = _transport(client)
    reader, writer = getattr(transport, "reader", None), getattr(transport, "writer", None)
    if not isinstance(reader, asyncio.StreamReader) or not isinstance(writer, asyncio.StreamWriter):
        facts.unknown += UNSEEN
        return
    _watch_reader(reader, facts)
    _watch_writer(writer, facts)


def _transport(client: Any) -> Any:
    """Of mitmproxy's handler; where it is kept differs by version."""
    proxyserver = ctx.master.addons.get("proxyserver")
    handlers = getattr(proxyserver, "connections", None) or getattr(proxyserver, "_connections", {})
    for handler in list(handlers.values()):
        if handler.client is client:
            return handler.transports.get(client)
    return None


def _watch_reader(reader: asyncio.StreamReader, facts: Facts) -> None:
    feed_data, feed_eof, set_exception = reader.feed_data, reader.feed_eof, reader.set_exception

    def fed(data: bytes) -> None:
        facts.received(data)
        feed_data(data)

    def ended() -> None:
        facts.end("fin")
        feed_eof()

    def broken(error: Any) -> None:
        facts.end("reset")
        set_exception(error)

    seen: Any = reader
    seen.feed_data, seen.feed_eof, seen.set_exception = fed, ended, broken


def _watch_writer(writer: asyncio.StreamWriter, facts: Facts) -> None:
    write, close = writer.write, writer.close

    def written(data: Any) -> None:
        facts.written(bytes(data))
        write(data)
        if not writer.transport.get_write_buffer_size():
            facts.flight_sent()
            facts.answer_sent()

    def closed() -> None:
        # What asyncio reports from here on is our own end.
        facts.ended_by_us = True
        close()

    seen: Any = writer
    seen.write, seen.close = written, closed

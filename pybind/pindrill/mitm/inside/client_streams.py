"""Looks at the streams that mitmproxy itself opened for a client; `streams` makes better ones."""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy import ctx

from .reporter import Reporter

UNSEEN = ["bytes of connections that are passed through", "FIN or RST", "whether the certificate had left"]
"""What is not known where mitmproxy's streams are not those of asyncio (WireGuard, local capture)."""


def watch_streams(client: Any, reporter: Reporter) -> None:
    transport = _transport(client)
    reader, writer = getattr(transport, "reader", None), getattr(transport, "writer", None)
    if not isinstance(reader, asyncio.StreamReader) or not isinstance(writer, asyncio.StreamWriter):
        reporter.unknown(*UNSEEN)
        return
    _watch_reader(reader, reporter)
    _watch_writer(writer, reporter)


def _transport(client: Any) -> Any:
    """Of mitmproxy's handler; where it is kept differs by version."""
    proxyserver = ctx.master.addons.get("proxyserver")
    handlers = getattr(proxyserver, "connections", None) or getattr(proxyserver, "_connections", {})
    for handler in list(handlers.values()):
        if handler.client is client:
            return handler.transports.get(client)
    return None


def _watch_reader(reader: asyncio.StreamReader, reporter: Reporter) -> None:
    feed_data, feed_eof, set_exception = reader.feed_data, reader.feed_eof, reader.set_exception

    def fed(data: bytes) -> None:
        reporter.received(data)
        feed_data(data)

    def ended() -> None:
        reporter.end("fin")
        feed_eof()

    def broken(error: Any) -> None:
        reporter.end("reset")
        set_exception(error)

    seen: Any = reader
    seen.feed_data, seen.feed_eof, seen.set_exception = fed, ended, broken


def _watch_writer(writer: asyncio.StreamWriter, reporter: Reporter) -> None:
    write, close = writer.write, writer.close

    def written(data: Any) -> None:
        reporter.written(bytes(data))
        write(data)
        if not writer.transport.get_write_buffer_size():
            reporter.flushed()

    def closed() -> None:
        # What asyncio reports from here on is our own end.
        reporter.ended_by_us = True
        close()

    seen: Any = writer
    seen.write, seen.close = written, closed

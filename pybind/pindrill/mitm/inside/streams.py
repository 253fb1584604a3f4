"""asyncio streams that tell how a client's connection goes on the wire: bytes, FIN or RST, and what is in the kernel.

mitmproxy closes a connection as soon as it has no more to say, and then does not see how the client ends it. The
writer therefore closes its own direction only, and waits.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from .reporter import Reporter

_LAST_WAIT_S = 30.0
_MAX_UNDECIDED = 128 * 1024


class Reader(asyncio.StreamReader):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self.reporter = reporter
        self.discard = False
        self.on_end: Callable[[], None] = lambda: None
        self.on_flood: Callable[[], None] = lambda: None

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        self.reporter.received(data)
        if self.reporter.undecided > _MAX_UNDECIDED:
            self.reporter.failed("a ClientHello that never ends")
            self.reporter.undecided = 0
            self.on_flood()
        if not self.discard:
            super().feed_data(data)

    def feed_eof(self) -> None:
        self.reporter.end("fin")
        super().feed_eof()
        self.on_end()

    def set_exception(self, exc: BaseException) -> None:
        self.reporter.end("reset")
        super().set_exception(exc)  # type: ignore[arg-type]
        self.on_end()


class Writer(asyncio.StreamWriter):
    def __init__(
        self, transport: asyncio.WriteTransport, protocol: asyncio.StreamReaderProtocol, reader: Reader
    ) -> None:
        super().__init__(transport, protocol, reader, asyncio.get_running_loop())
        self._reporter = reader.reporter
        self._reader_of = reader
        self._closing = False
        self.over = asyncio.Event()
        """The client has ended its direction as well, or had long enough."""
        reader.on_end = self._client_ended

    def write(self, data: bytes) -> None:  # type: ignore[override]
        if self._closing:
            return
        self._reporter.written(data)
        super().write(data)
        if not self.transport.get_write_buffer_size():
            self._reporter.flushed()

    def is_closing(self) -> bool:
        return self._closing or super().is_closing()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = self._reader_of.discard = True
        self._reporter.nobody_reads()
        if self._reporter.ended:
            return self._over()
        self._reporter.given_up()
        if super().is_closing():
            return None  # it broke: how, the transport is about to say
        try:
            super().write_eof()
        except OSError:
            self._reporter.end("reset")
            return self._over()
        # The stream's reader may have paused it: nobody reads any more, but its end is still to be seen.
        transport = self.transport
        if isinstance(transport, asyncio.ReadTransport) and not transport.is_reading():
            transport.resume_reading()
        asyncio.get_running_loop().call_later(_LAST_WAIT_S, self._over)
        return None

    def write_eof(self) -> None:
        if not self._closing:
            super().write_eof()

    def abort(self) -> None:
        self._closing = self._reporter.ended_by_us = True
        self.transport.abort()
        self.over.set()

    def _client_ended(self) -> None:
        if self._closing:
            self._over()

    def _over(self) -> None:
        self._reporter.ended_by_us = True
        self.transport.close()
        self.over.set()


async def streams(connection: socket.socket, reporter: Reporter) -> tuple[Reader, Writer]:
    """Of an accepted connection."""
    loop = asyncio.get_running_loop()
    reader = Reader(reporter)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    writer = Writer(transport, protocol, reader)
    reader.on_flood = writer.abort
    return reader, writer

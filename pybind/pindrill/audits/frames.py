"""HTTP/2 and WebSocket, from a client's bytes alone."""

from __future__ import annotations

from collections.abc import Iterator

from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from pindrill import _core
from pindrill.audits.facts import ReadableKind

_NAMES = {Opcode.TEXT: "text", Opcode.BINARY: "binary"}

_Headers = list[tuple[str, str]]


def http2_requests(after_preface: bytes) -> tuple[list[tuple[_Headers, bytes]], list[tuple[ReadableKind, str, int]]]:
    """Headers and body of each stream, as far as they can be read; and what stands elsewhere or was not read."""
    read = _core.read_http2(after_preface)
    requests = [
        ([(_text(name), _text(value)) for name, value in headers], content) for headers, content in read.requests
    ]
    beside = []
    if read.stopped:
        beside.append((ReadableKind.UNREAD, f"HTTP/2, {read.stopped}", read.unread))
    if read.cut:
        beside.append((ReadableKind.UNREAD, "HTTP/2, a header that was cut", read.cut))
    if read.other:
        beside.append((ReadableKind.OTHER, "HTTP/2 frames of other types", read.other))
    return requests, beside


def websocket_messages(data: bytes) -> Iterator[tuple[str, int]]:
    """After the upgrade. Frames of an extension cannot be told apart: it was agreed on by the server's answer."""
    protocol = FrameProtocol(client=False, extensions=[])
    protocol.receive_bytes(data)
    length, name = 0, ""
    try:
        for frame in protocol.received_frames():
            if frame.opcode not in _NAMES:
                continue
            name, length = _NAMES[frame.opcode], length + len(frame.payload)
            if frame.frame_finished and frame.message_finished:
                yield f"WebSocket {name}", length
                length = 0
    except ParseFailed:
        yield "WebSocket, compressed or malformed", len(data)
        return
    if length:
        yield f"WebSocket {name}", length


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")

"""HTTP/2 and WebSocket, from a client's bytes alone."""

from __future__ import annotations

from collections.abc import Iterator

from hpack import Decoder
from hpack.exceptions import HPACKError
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

_FRAME_HEADER = 9
_LARGEST_HEADERS = 64 * 1024
_NAMES = {Opcode.TEXT: "text", Opcode.BINARY: "binary"}

_Headers = list[tuple[str, str]]


def http2_requests(data: bytes) -> Iterator[tuple[_Headers, bytes]]:
    """Headers and body of each stream, as far as they can be read."""
    headers: dict[int, _Headers] = {}
    bodies: dict[int, bytearray] = {}
    decoder = Decoder(max_header_list_size=_LARGEST_HEADERS)
    block, stream = bytearray(), 0
    try:
        for frame in _http2_frames(data):
            if isinstance(frame, DataFrame):
                bodies.setdefault(frame.stream_id, bytearray()).extend(frame.data)
                continue
            if not isinstance(frame, HeadersFrame | ContinuationFrame):
                continue
            if isinstance(frame, HeadersFrame):
                block, stream = bytearray(), frame.stream_id
            block += frame.data
            if "END_HEADERS" in frame.flags:
                decoded = decoder.decode(bytes(block), raw=True)
                headers.setdefault(stream, []).extend((_text(name), _text(value)) for name, value in decoded)
    except (HPACKError, HyperframeError):
        pass  # What was read before stands.
    for each in headers.keys() | bodies.keys():
        yield headers.get(each, []), bytes(bodies.get(each, b""))


def _http2_frames(data: bytes) -> Iterator[Frame]:
    """Whole frames, and of one of data that was cut what is there."""
    place = 0
    while place + _FRAME_HEADER <= len(data):
        frame, length = Frame.parse_frame_header(memoryview(data[place : place + _FRAME_HEADER]))
        content = data[place + _FRAME_HEADER : place + _FRAME_HEADER + length]
        place += _FRAME_HEADER + length
        if len(content) < length and (not isinstance(frame, DataFrame) or "PADDED" in frame.flags):
            return
        frame.parse_body(memoryview(content))
        yield frame


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


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")

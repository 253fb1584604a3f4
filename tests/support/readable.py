"""What real libraries send, to be read again."""

from __future__ import annotations

import http.client
from dataclasses import replace
from typing import Any

from hpack import Encoder
from hyperframe.frame import Frame, HeadersFrame, SettingsFrame
from pindrill.audits.facts import Contact, ReadableKind
from pindrill.audits.readable import summarise
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Request
from wsproto.extensions import Extension, PerMessageDeflate

SECRET = "S3cretValueOfSomebody"
FORM = "application/x-www-form-urlencoded"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
COOKIES = f"session={SECRET}; theme=dark"


def request(
    method: str = "GET", path: str = "/", body: bytes | None = None, *, chunked: bool = False, **headers: Any
) -> bytes:
    """What the standard library's client sends."""
    sent = bytearray()

    class Wire:
        def sendall(self, data: bytes) -> None:
            sent.extend(data)

        def close(self) -> None:
            pass

    connection = http.client.HTTPConnection("app.pin.test")
    connection.sock = Wire()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, iter([body or b""]) if chunked else body, named, encode_chunked=chunked)
    return bytes(sent)


def h2_request(*frames: Frame) -> bytes:
    return PREFACE + SettingsFrame(0).serialize() + b"".join(frame.serialize() for frame in frames)


def headers_frame(block: bytes) -> HeadersFrame:
    frame = HeadersFrame(1, block)
    frame.flags.add("END_HEADERS")
    return frame


def h2_headers(stream: int = 1, encoder: Encoder | None = None, **headers: str) -> HeadersFrame:
    named = [(name.replace("pseudo_", ":").replace("_", "-"), value) for name, value in headers.items()]
    frame = HeadersFrame(stream, (encoder or Encoder()).encode(named))
    frame.flags.add("END_HEADERS")
    return frame


def websocket(*events: Event, extensions: list[Extension] | None = None) -> bytes:
    connection = WSConnection(ConnectionType.CLIENT)
    data = connection.send(Request(host="app.pin.test", target="/chat", extensions=extensions or []))
    # The server's answer, as the other side of the same library gives it.
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(data)
    list(server.events())
    accepted: list[Extension] = [PerMessageDeflate()] if extensions else []
    connection.receive_data(server.send(AcceptConnection(extensions=accepted)))
    list(connection.events())
    return data + b"".join(connection.send(event) for event in events)


def found(data: bytes, kind: ReadableKind | None = None) -> list[tuple[str, int]]:
    return [(each.name, each.length) for each in summarise(data) if kind in (None, each.kind)]


def replace_seen(contact: Contact, **facts: Any) -> Contact:
    return replace(contact, seen=replace(contact.seen, **facts))

"""What was readable, by kind: names and lengths, never values. The bytes may be cut anywhere, and are hostile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import h11

from pindrill.audits.bodies import NO_NAME, body, fields
from pindrill.audits.facts import Contact, Readable, ReadableKind, in_order
from pindrill.audits.frames import http2_requests, websocket_messages

LARGEST = 64 * 1024
_MOST = 200
_END_OF_HEAD = b"\r\n\r\n"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PLAIN_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_.:\[\]-]{0,63}")
_MOST_DIGITS = 6
"""In a name; more look like a number of somebody."""
_NO_SCHEME = "(no scheme)"
_NAMED_BY_US = (ReadableKind.BODY, ReadableKind.MESSAGE, ReadableKind.OTHER, ReadableKind.UNREAD)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19}")

_Headers = Iterable[tuple[str, str]]


def drop_plaintext(contact: Contact) -> Contact:
    """The contact with a summary in place of what the client said."""
    readable = summarise(contact.plaintext)
    sent = contact.seen.boilerplate_bytes + contact.seen.data_bytes
    if (beyond := sent - len(contact.plaintext[:LARGEST])) > 0:
        kept = len(contact.plaintext) >= LARGEST
        name = f"after the first {LARGEST // 1024} KiB" if kept else "not kept: too much came at once"
        readable = in_order([*readable, Readable(ReadableKind.UNREAD, name, beyond)])
    return replace(contact, plaintext=b"", readable=readable)


def unread(contact: Contact, why: str) -> Contact:
    """The contact without what the client said, where nobody reads it."""
    sent = contact.seen.boilerplate_bytes + contact.seen.data_bytes
    readable = (Readable(ReadableKind.UNREAD, why, sent),) if sent else ()
    return replace(contact, plaintext=b"", readable=readable)


def summarise(plaintext: bytes) -> tuple[Readable, ...]:
    """In order; of several of one kind and name the longest. What costs time is bounded: tens of milliseconds for the
    most hostile bytes, whatever they are."""
    longest: dict[tuple[ReadableKind, str], int] = {}
    names = 0
    left_out: list[int] = []
    for kind, name, length in _found(plaintext[:LARGEST]):
        key = (kind, name if kind in _NAMED_BY_US else _safe(name))
        if key not in longest and kind is not ReadableKind.UNREAD:
            if names >= _MOST:
                left_out.append(length)
                continue
            names += 1
        longest[key] = max(length, longest.get(key, 0))
    if left_out:
        longest[ReadableKind.UNREAD, f"more than {_MOST} names"] = sum(left_out)
    return in_order([Readable(*key, length) for key, length in longest.items()])


def _found(data: bytes) -> Iterator[tuple[ReadableKind, str, int]]:
    if not data:
        return
    if data.startswith(_PREFACE):
        yield from _http2(data)
    elif not _PREFACE.startswith(data):
        yield from _http1(data)


def _safe(name: str) -> str:
    """A name, unless it looks like a value that somebody used as one."""
    if name in (NO_NAME, _NO_SCHEME):
        return name
    if not _PLAIN_NAME.fullmatch(name) or sum(each.isdigit() for each in name) > _MOST_DIGITS:
        return "(unusual name)"
    return name


def _http2(data: bytes) -> Iterator[tuple[ReadableKind, str, int]]:
    requests, beside = http2_requests(data[len(_PREFACE) :])
    yield from beside
    for headers, content in requests:
        yield from _request(headers, content)


# --- HTTP/1 ----------------------------------------------------------------------------------------------------


def _http1(data: bytes) -> Iterator[tuple[ReadableKind, str, int]]:
    """Requests one after the other, a cut head among them."""
    for _ in range(_MOST):
        if not data:
            return
        if data.startswith(_PREFACE):  # after an upgrade by HTTP/1 (RFC 7540 section 3.2)
            yield from _http2(data)
            return
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST)
        head, content = _next_request(connection, data)
        after_broken_head = b""
        if head is None:
            after_broken_head = data.partition(_END_OF_HEAD)[2]
            head, content = _next_request(connection := h11.Connection(h11.SERVER), _completed(data))
        if head is None:
            yield ReadableKind.OTHER, "bytes", len(data)
            return
        headers = [(name.decode("ascii", "replace"), _text(value)) for name, value in head.headers]
        line = [(":method", _text(head.method)), (":path", _text(head.target))]
        yield from _request([*line, *headers], content)
        rest = connection.trailing_data[0]
        if after_broken_head or (rest and connection.their_state is h11.ERROR):
            yield ReadableKind.UNREAD, "HTTP/1, malformed", len(after_broken_head or rest)
            return
        if any(name == "upgrade" and value.lower() == "websocket" for name, value in headers):
            yield from ((ReadableKind.MESSAGE, name, length) for name, length in websocket_messages(rest))
            return
        data = rest if len(rest) < len(data) else b""
    if data:
        yield ReadableKind.UNREAD, f"HTTP/1, more than {_MOST} requests", len(data)


def _next_request(connection: h11.Connection, data: bytes) -> tuple[h11.Request | None, bytes]:
    head: h11.Request | None = None
    content = bytearray()
    try:
        connection.receive_data(data)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data
            else:
                return head, bytes(content)
    except h11.RemoteProtocolError:
        return head, bytes(content)


def _completed(data: bytes) -> bytes:
    """A head that was cut, as if it ended with its last whole line, or within the value of a header."""
    lines = data.partition(_END_OF_HEAD)[0].split(b"\r\n")
    if len(lines) > 1 and b":" not in lines[-1]:
        lines.pop()
    if not any(line.lower().startswith(b"host:") for line in lines[1:]):
        lines.insert(1, b"Host:")
    lines = [line for line in lines if not line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
    return b"\r\n".join([*lines, b"", b""])


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


# --- a request, of whatever version ----------------------------------------------------------------------------


def _request(headers: _Headers, content: bytes) -> Iterator[tuple[ReadableKind, str, int]]:
    content_type = encoding = path = method = protocol = ""
    for name, value in headers:
        lowered = name.lower()
        if lowered == ":path":
            path = value
        elif lowered == ":method":
            method = value
        elif lowered == ":protocol":
            protocol = value.lower()
        elif lowered == "cookie":
            yield from ((ReadableKind.COOKIE, *pair) for pair in _cookies(value))
        elif lowered in ("authorization", "proxy-authorization"):
            scheme, _, credentials = value.partition(" ")
            named = credentials and _SCHEME.fullmatch(scheme)
            yield ReadableKind.AUTHORIZATION, scheme if named else _NO_SCHEME, len(credentials if named else value)
        elif value and not lowered.startswith(":"):
            yield ReadableKind.HEADER, lowered, len(value)
        if lowered == "content-type":
            content_type = value
        elif lowered == "content-encoding":
            encoding = value
    if path:
        yield ReadableKind.PATH, method, len(path.partition("?")[0])
    yield from ((ReadableKind.QUERY, *pair) for pair in fields(path.partition("?")[2].partition("#")[0]))
    if protocol == "websocket":  # RFC 8441
        yield from ((ReadableKind.MESSAGE, name, length) for name, length in websocket_messages(content))
        return
    yield from body(content, content_type=content_type, encoding=encoding, path=path.partition("?")[0])


def _cookies(value: str) -> Iterator[tuple[str, int]]:
    for part in value.split(";"):
        name, equals, content = part.strip().partition("=")
        if equals:
            yield name, len(content)
        elif name:
            yield NO_NAME, len(name)

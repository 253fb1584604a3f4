"""How far a client spoke, and which secrets are in it: fed with readable data in pieces of any size.

Says the same as the compiled core (http.cpp), which mitmproxy's interpreter has not got.
"""

from __future__ import annotations

import re

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 section 3.4
_FRAME_HEADER = 9
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_BOILERPLATE = {2: 5, 6: 8, 7: 8, 8: 4}
"""Sizes of PRIORITY, PING, GOAWAY without debug data, WINDOW_UPDATE."""
_MAX_HEAD = 64 * 1024
_MAX_LINE = 1024
_MAX_SECRETS = 16
_SECRET = re.compile(rb"pd7s[0-9a-f]{24}")
_SECRET_LENGTH = 28
_METHOD = re.compile(rb"[A-Za-z_-]{0,32}")
_ORDER = ("nothing", "boilerplate", "request-line", "headers", "body", "other")


class Secrets:
    """The request secrets in a stream, wherever they stand."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._tail = b""

    def feed(self, data: bytes) -> None:
        self._tail += data
        for each in _SECRET.findall(self._tail):
            if each.decode() not in self.found and len(self.found) < _MAX_SECRETS:
                self.found.append(each.decode())
        self._tail = self._tail[-(_SECRET_LENGTH - 1) :]


class RequestReader:
    """`progress`, `data_bytes`, `boilerplate_bytes`, `request_line` and `secrets` of one connection."""

    def __init__(self) -> None:
        self._secrets = Secrets()
        self._start = b""
        self._kind = ""
        self._frames = _Frames()
        self._total = 0
        self._head = b""
        self._head_whole = False
        self._body_begun = False
        self._broken = False

    def feed(self, data: bytes) -> None:
        self._secrets.feed(data)
        if not self._kind:
            self._start += data
            if len(self._start) < len(_PREFACE) and _PREFACE.startswith(self._start):
                return
            self._kind = "h2" if self._start.startswith(_PREFACE) else "h1"
            data, self._start = self._start[len(_PREFACE) if self._kind == "h2" else 0 :], b""
        if self._kind == "h2":
            self._frames.feed(data)
        else:
            self._feed_http1(data)

    @property
    def secrets(self) -> list[str]:
        return self._secrets.found

    @property
    def progress(self) -> str:
        if not self._kind:
            return "request-line" if self._start else "nothing"
        if self._kind == "h2":
            return self._frames.progress
        if self._broken:
            return "other"
        if not self._head_whole:
            return "request-line"
        return "body" if self._body_begun else "headers"

    @property
    def data_bytes(self) -> int:
        """Part of a preface may be the beginning of something else: PROPFIND."""
        if not self._kind:
            return len(self._start)
        return self._frames.other if self._kind == "h2" else self._total

    @property
    def boilerplate_bytes(self) -> int:
        return len(_PREFACE) + self._frames.boilerplate if self._kind == "h2" else 0

    @property
    def request_line(self) -> str:
        """Part of a line may be the credentials of another protocol: nothing of it is kept."""
        line, end, _ = self._head.partition(b"\n")
        if not end or self._broken:
            return ""
        return _redacted(line.removesuffix(b"\r")).decode("utf-8", "backslashreplace")[:_MAX_LINE]

    def _feed_http1(self, data: bytes) -> None:
        self._total += len(data)
        if self._broken or self._body_begun:
            return
        if self._head_whole:
            self._body_begun = bool(data)
            return
        self._head += data[: _MAX_HEAD + 1]
        head, end, body = self._head.partition(b"\r\n\r\n")
        line, line_end, _ = head.partition(b"\n") if not end else (*(head + end).partition(b"\n")[:2], b"")
        if not _starts_request(line, bool(line_end)) or (not end and len(self._head) > _MAX_HEAD):
            self._broken = True
        elif end:
            self._head, self._head_whole, self._body_begun = head + end, True, bool(body)


class _Frames:
    """The frames after an HTTP/2 preface, far enough to tell boilerplate from a request (RFC 9113 section 6)."""

    def __init__(self) -> None:
        self.progress = "boilerplate"
        self.boilerplate = 0
        self.other = 0
        self._header = b""
        self._left = 0
        self._type = _SETTINGS
        self._plain = True

    def feed(self, data: bytes) -> None:
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                self._count(taken)
            else:
                taken = min(_FRAME_HEADER - len(self._header), len(data))
                self._header += data[:taken]
                if len(self._header) == _FRAME_HEADER:
                    self._begin()
            data = data[taken:]

    def _begin(self) -> None:
        self._left, self._type = int.from_bytes(self._header[:3], "big"), self._header[3]
        self._plain = _is_boilerplate(self._type, self._left)
        reached = {_HEADERS: "headers", _DATA: "body"}.get(self._type, "nothing")
        self.progress = max(self.progress, reached, key=_ORDER.index)
        self._count(_FRAME_HEADER)
        self._header = b""

    def _count(self, size: int) -> None:
        if self._plain:
            self.boilerplate += size
        else:
            self.other += size


def _is_boilerplate(kind: int, length: int) -> bool:
    """As far as it has no room for data."""
    return length % 6 == 0 if kind == _SETTINGS else _BOILERPLATE.get(kind) == length


def _starts_request(line: bytes, whole: bool) -> bool:
    method, _, _ = line.partition(b" ")
    if not _METHOD.fullmatch(method):
        return False
    _, space, version = line.rpartition(b" ")
    return not whole or bool(method and space and version.startswith(b"HTTP/1."))


def _redacted(line: bytes) -> bytes:
    line = re.sub(rb"pd7s[0-9a-f]*", b"<secret>", line)
    return re.sub(rb"\?[^ ]*", b"?<redacted>", line, count=1)

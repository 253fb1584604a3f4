"""What a program writes, in bounded memory: all of it is searched, its beginning and its end are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

OUTPUT_LIMIT = 256 * 1024
"""Bytes that are kept of one output, half of them its beginning, half its end."""
TOLD = 2000
"""Bytes of them that a result tells."""

GO_CRASH = (
    (re.compile(rb"\n(?:panic: runtime error|fatal error): "), 32),
    (re.compile(rb"\ngoroutine \d{1,20} \["), 32),
)
"""Go's runtime ends a program itself, with an ordinary exit code; a panic of the program's own may be its refusal."""


class Sought:
    """Patterns that are to come one after the other, anywhere in a stream.

    Each comes with its longest length in bytes. `before`: stands before the stream; a line's end, for what begins one.
    """

    def __init__(self, patterns: Sequence[tuple[re.Pattern[bytes], int]], before: bytes = b"\n") -> None:
        self._left = list(patterns)
        self._carried = before

    @classmethod
    def text(cls, wanted: bytes) -> Sought:
        """Nothing is never found."""
        return cls([(re.compile(re.escape(wanted) if wanted else rb"(?!)"), max(1, len(wanted)))], before=b"")

    @property
    def found(self) -> bool:
        return not self._left

    def take(self, chunk: bytes) -> None:
        data, at = self._carried + chunk, 0
        while self._left:
            pattern, longest = self._left[0]
            here = pattern.search(data, at)
            if here is None:
                self._carried = data[max(at, len(data) - longest + 1) :]
                return
            at = here.end()
            self._left.pop(0)


class KeptOutput:
    """The beginning and the end of an output, and how long it was."""

    def __init__(self, limit: int = OUTPUT_LIMIT) -> None:
        self.total = 0
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()

    def take(self, chunk: bytes) -> None:
        self.total += len(chunk)
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._half:  # seldom, so that a byte is moved once
            del self._tail[: -self._half]

    def data(self) -> bytes:
        tail = self._tail[-self._half :]
        return bytes(self._head) + _gap(self.total - len(self._head) - len(tail)) + bytes(tail)


def excerpt(data: bytes) -> str:
    """What a result tells of it: a short output whole, else its beginning and its end."""
    if len(data) > TOLD:
        half = (TOLD - len(_LEFT_OUT)) // 2
        data = data[:half] + _LEFT_OUT + data[-half:]
    return data.decode("utf-8", "replace")


def last_line(text: bytes) -> str:
    lines = text[-TOLD:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


_LEFT_OUT = b"\n[pindrill: the middle of this output is left out]\n"


def _gap(missing: int) -> bytes:
    return f"\n[pindrill: {missing} bytes of this output were not kept]\n".encode() if missing > 0 else b""

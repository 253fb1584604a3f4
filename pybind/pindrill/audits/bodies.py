"""The fields of a request's body, by name and length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from pindrill.audits.facts import ReadableKind

NO_NAME = "(no name)"
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
_RPC_PATH = re.compile(r"/[A-Za-z0-9_.]{1,80}/[A-Za-z0-9_]{1,80}")
_GRPC_PREFIX = 5


def body(content: bytes, *, content_type: str, encoding: str, path: str) -> Iterator[tuple[ReadableKind, str, int]]:
    if not content:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/grpc"):
        yield (
            ReadableKind.MESSAGE,
            f"gRPC {path if _RPC_PATH.fullmatch(path) else '(unusual name)'}",
            _grpc_length(content),
        )
        return
    if not encoding:
        found = None
        if media_type == "application/x-www-form-urlencoded":
            found = list(fields(content.decode("utf-8", "replace")))
        elif media_type == "application/json" or media_type.endswith("+json"):
            found = _json_fields(content)
        if found:
            yield from ((ReadableKind.FIELD, *pair) for pair in found)
            return
    named = media_type if _MEDIA_TYPE.fullmatch(media_type) else "(no type)"
    yield ReadableKind.BODY, f"{named}, compressed" if encoding else named, len(content)


def fields(text: str) -> Iterator[tuple[str, int]]:
    """Of a query or a form. A part without `=` is a value, not a name."""
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if equals:
            yield unquote_plus(name), len(unquote_plus(value))
        elif part:
            yield NO_NAME, len(unquote_plus(part))


def _json_fields(content: bytes) -> list[tuple[str, int]] | None:
    """Of the top level; None where it is no whole object."""
    try:
        document = json.loads(content)
        if not isinstance(document, dict):
            return None
        return [(name, len(value if isinstance(value, str) else json.dumps(value))) for name, value in document.items()]
    except (ValueError, RecursionError):
        return None


def _grpc_length(content: bytes) -> int:
    """Of all messages, without the prefix of each: a flag and four bytes of length."""
    total = place = 0
    while place + _GRPC_PREFIX <= len(content):
        length = int.from_bytes(content[place + 1 : place + _GRPC_PREFIX], "big")
        total += min(length, len(content) - place - _GRPC_PREFIX)
        place += _GRPC_PREFIX + length
    return total

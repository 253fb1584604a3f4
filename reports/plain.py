"""Small things that every report needs of values that a peer or a client may have made up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any


def harmless(value: Any, keep: str = " ") -> Any:
    """Without what steers a terminal or turns the direction of text; `keep` lists further characters to leave."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(c if c.isprintable() or c in keep else "\ufffd" for c in value)
    if isinstance(value, list | tuple):
        return [each if type(each) is int else harmless(each, keep) for each in value]
    return {key: harmless(each, keep) for key, each in value.items()} if isinstance(value, Mapping) else value


BAR = "| "
"""Stands before text of others that begins a line."""
_OPENS = re.compile(
    r"[a-z]+://|[-+]\s"
    # Not `::error::`, `##[group]`, `##vso[`, `+++ `; nor `section_start:1700000000:x`, `travis_fold:end:x`.
    r"|[\w/.(<'\"`*|][^\s:\[\]]*"
    # But `word: `, `host:443`, `file:12: `.
    r"(?::(?:\d+:?)?)?(?:\s|$)"
)


def opened(line: str) -> str:
    """With something of ours before it, where a CI could take its beginning for a command to it."""
    words = line.lstrip()
    return line if not words or _OPENS.match(words) else BAR + line


def told(text: str) -> str:
    """A line of a terminal's report that may begin with text of others."""
    return opened(str(harmless(text)))


def moment(seconds: int) -> str:
    """A time of a certificate."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"
    except (OverflowError, ValueError, OSError):
        return "a time beyond all calendars"


def common_name(distinguished_name: str) -> str:
    return distinguished_name.partition("CN=")[2].partition(",")[0] or distinguished_name


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def relative(file: str, root: PurePosixPath | None) -> str:
    """As code hosts want their paths: below the root of the repository, where it is below."""
    path = PurePosixPath(file)
    if root and path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    return str(path)

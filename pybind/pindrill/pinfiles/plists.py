"""Property lists, XML or binary, with the line of each key where the file has lines."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers.expat import ExpatError

from pindrill.pinfiles.markup import Element, parse
from pindrill.pinfiles.source import Source

_BINARY = b"bplist00"
MAX_VALUES = 200_000
_ERRORS = (
    plistlib.InvalidFileException,
    ExpatError,
    ValueError,
    OverflowError,
    RecursionError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    struct.error,
    MemoryError,
)
_FIX = "give the Info.plist or configuration as the app ships it"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Plist:
    """Values as the platform reads them; lines by the path of keys that leads to a value."""

    source: Source
    values: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, *path: str | int) -> int:
        """Of the nearest enclosing value that has one; 1 in a binary file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def is_plist(data: bytes) -> bool:
    return data.startswith(_BINARY) or b"<plist" in data[:4096]


def read_plist(source: Source) -> Plist:
    binary = source.data.startswith(_BINARY)
    # Read as XML first: it refuses entities and depth with a line, which plistlib has none of.
    lines = {} if binary else _lines(parse(source))
    try:
        values = plistlib.loads(source.data)
    except _ERRORS as error:
        what = "broken binary property list" if binary else f"not a property list: {error}"
        raise source.refuse(1, what, _FIX) from error
    if _spread(values) > MAX_VALUES:
        raise source.refuse(1, f"more than {MAX_VALUES} values, repeated ones counted again", _FIX)
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise source.refuse(1, "the property list is no dictionary", _FIX)
    return Plist(source, values, lines)


def _spread(values: Any) -> int:
    """How many values there are when each is counted wherever it is referred to: a binary list can fold a bomb."""
    count, todo = 0, [values]
    while todo and count <= MAX_VALUES:
        value = todo.pop()
        count += 1
        if isinstance(value, dict):
            count += len(value)
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return count + len(todo)


def _lines(root: Element) -> dict[Path, int]:
    found: dict[Path, int] = {}
    todo: list[tuple[Path, Element]] = [((), child) for child in root.children]
    while todo:
        path, element = todo.pop()
        found[path] = element.line
        if element.tag == "array":
            todo += [((*path, index), child) for index, child in enumerate(element.children)]
        elif element.tag == "dict":
            for key, value in zip(element.children[::2], element.children[1::2], strict=False):
                todo.append(((*path, key.text), value))
                found[(*path, key.text)] = key.line
    return found

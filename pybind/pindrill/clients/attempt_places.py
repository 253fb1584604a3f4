"""The targets that functions of this process have at the moment, which they may hand on to a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pindrill.model import Target


@dataclass(frozen=True)
class AttemptPlace:
    """Where a program for a target would run, and what to look for in its output."""

    target: Target
    canary: str
    home: Path


_places: dict[str, AttemptPlace] = {}
"""By the path of the target, which no other target has."""


@contextmanager
def attempting(target: Target, canary: str, home: Path) -> Iterator[None]:
    """Meanwhile `place_of` knows this target."""
    _places[target.path] = AttemptPlace(target, canary, home)
    try:
        yield
    finally:
        del _places[target.path]


def place_of(target: Target) -> AttemptPlace | None:
    return _places.get(target.path)

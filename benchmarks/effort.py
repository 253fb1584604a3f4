"""How much an area measures: as much as figures need, or so little that it is only seen to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import progress

_SHARE = 50


class PeerMissing(Exception):
    """A peer is not installed; says how to get it."""


@dataclass(frozen=True)
class Effort:
    smoke: bool = False

    def rounds(self, wanted: int) -> int:
        return 1 if self.smoke else wanted

    def count(self, wanted: int) -> int:
        return max(2, wanted // _SHARE) if self.smoke else wanted

    def seconds(self, wanted: float) -> float:
        return wanted / _SHARE if self.smoke else wanted

    def has(self, peer: str, path: str | Path, get: str) -> bool:
        """False in a smoke run alone: figures without a peer are no figures."""
        if Path(path).exists():
            return True
        if not self.smoke:
            raise PeerMissing(f"{peer} is not here ({path}): {get}")
        progress("")
        print(f"left out: {peer} is not here ({path})")
        return False

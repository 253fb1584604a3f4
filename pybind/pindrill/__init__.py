"""Certificate-pinning conformance and rotation test harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pindrill.drills.lab import Lab
    from pindrill.model import Refused, Target, Unsupported

__all__ = ["Lab", "Refused", "Target", "Unsupported"]


def __getattr__(name: str) -> Any:
    """Nothing is loaded before it is asked for: what fails then is told by who asked."""
    if name not in __all__:
        raise AttributeError(f"module 'pindrill' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module("pindrill.drills.lab" if name == "Lab" else "pindrill.model"), name)

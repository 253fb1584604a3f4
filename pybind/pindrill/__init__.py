"""Certificate-pinning conformance and rotation test harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pindrill.model import Refused, Target

__all__ = ["Refused", "Target"]


def __getattr__(name: str) -> Any:
    """Nothing is loaded before it is asked for: what fails then is told by who asked."""
    if name not in __all__:
        raise AttributeError(f"module 'pindrill' has no attribute '{name}'")
    from pindrill import model  # noqa: PLC0415

    return getattr(model, name)

"""Certificate-pinning conformance and rotation test harness."""

from pindrill.model import Refused

__all__ = ["Refused"]

"""Targets for drivers: nothing listens there, the clients of these tests only act as if."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pindrill.model import Target, TargetPins

PINS = ("7HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y=", "FEzVOUp4dF3gI0ZVPRJhFbSJVXR+uQmMH65xhs1glH4=")
CANARY = "pd7c0123456789abcdef01234567"

_TARGET = Target(
    id="t1.0",
    session="s1.0",
    url="https://app.pin.test:41007/pd7s00",
    host="app.pin.test",
    port=41007,
    path="/pd7s00",
    address="127.0.0.1",
    trust_file="/nowhere/trust.pem",
    pins=(TargetPins(host="app.pin.test", of="spki", values=PINS),),
    deadline_s=120.0,
)


def target(**values: Any) -> Target:
    """By default with a deadline that no test reaches."""
    return replace(_TARGET, **values)


def pins(*values: str) -> tuple[TargetPins, ...]:
    return (TargetPins(host="app.pin.test", of="spki", values=values),)

"""What an audit stands on: pindrill's own interceptor, or mitmproxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pindrill.audits.interception import Interceptor, own_interceptor
from pindrill.interruption import Started
from pindrill.mitm.install import find
from pindrill.mitm.interceptor import MitmInterceptor
from pindrill.mitm.via import print_misled


def interceptor_opener(via: str, settings: Mapping[str, Any]) -> Callable[[Started], Interceptor]:
    """Of an audit: pindrill's own, or mitmproxy."""
    if via != "mitmproxy":
        return lambda started: own_interceptor(**settings)
    mitmdump = find()

    def opened(started: Started) -> Interceptor:
        other = MitmInterceptor(mitmdump, **settings)
        started.undone_by(other.close)
        started.undone_by(print_misled, other.told)
        return other

    return opened

"""The pump of an audit on a real interceptor: what could not be seen is told."""

from __future__ import annotations

import socket
from typing import Any

from pindrill import _core
from pindrill.audit.schedule import Schedule
from pindrill.keyring import Keyring
from pindrill.runner.forge import Forge
from pindrill.runner.interception import Pump


def gaps_after(count: int, *, refused: int, **options: Any) -> list[str]:
    """What is told after this many connections that say nothing, the last of which are closed at once."""
    interceptor = _core.Interceptor(_core.Loop(), **options)
    pump = Pump(interceptor, Schedule(per_start=False), Forge(Keyring()), lambda contact: None)
    port = interceptor.listen("proxy", "127.0.0.1", 0)
    opened = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(count)]
    for each in opened[count - refused :]:
        assert each.recv(1) == b""
    for each in opened:
        each.close()
    pump.settle(20)
    pump.close()
    assert pump.trouble == ""
    return pump.gaps


def test_clients_that_are_not_served() -> None:
    assert gaps_after(2, refused=2, clients=["192.0.2.0/24"]) == [
        "connections from addresses that are not served: 2; --client NETWORK serves them"
    ]


def test_more_connections_than_are_watched() -> None:
    assert gaps_after(3, refused=2, max_connections=1) == [
        "connections closed unseen, because there were too many at once: 2"
    ]


def test_nothing_is_missing() -> None:
    assert gaps_after(3, refused=0) == []

"""Who is served, how many at once, and how many files may be open: every listener has a budget of its own."""

from __future__ import annotations

import ipaddress
import resource
import threading
from collections import Counter
from collections.abc import Iterable

_RESERVED_FILES = 256
"""For the page, the DNS server, the app, its output, results, and what Python itself opens."""
_FILES_EACH = 2
"""Of a connection through the interceptor: its own, and the one to its server."""
_MOST_PASSAGES, _FEWEST_PASSAGES = 20_000, 16


class ServedClients:
    """Addresses and networks that are served; nobody else is."""

    def __init__(self, clients: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(client, strict=False) for client in clients]

    def __contains__(self, address: str) -> bool:
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = found.ipv4_mapped if found.version == 6 else None
        return any((mapped or found) in network for network in self._networks)


class ConnectionBudget:
    """Connections at once of one listener: in all, and of one client. To be asked from any thread."""

    def __init__(self, *, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, client: str) -> bool:
        """False: there is no room. Otherwise it has to be given back."""
        with self._lock:
            if self._open.total() >= self._most or self._open[client] >= self._most_of_one:
                return False
            self._open[client] += 1
            return True

    def give_back(self, client: str) -> None:
        with self._lock:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


def most_passages() -> int:
    """Connections that an interceptor of this process may have at once, within its limit of open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MOST_PASSAGES
    return max(_FEWEST_PASSAGES, min(_MOST_PASSAGES, (limit - _RESERVED_FILES) // _FILES_EACH))

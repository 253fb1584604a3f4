"""Our own proxies between a client and the servers of its bench (`--through`).

One proxy serves a whole bench, since a process reads its environment once and may serve many cells. What came to it is
told apart by where it led: the servers of runs have ports of their own. What a client gives away on the proxy's own leg
is told apart by the request secret, as every stray.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pindrill import _core
from pindrill.drills.options import ProxyKind
from pindrill.drills.servers import ScenarioServer
from pindrill.model import FOREIGN_HOST, HOST, SIBLING_HOST, HarnessFailed, Observation

_SCHEME: dict[ProxyKind, str] = {"connect": "http", "socks": "socks5h", "https": "https"}


@dataclass(frozen=True, kw_only=True)
class ProxyLeg:
    """One connection to a proxy: what was said to the proxy itself, and where it led."""

    seen: Observation
    """What the proxy could read; what went through a tunnel is for the server at its end to tell."""
    port: int
    """That it asked for; 0: it never came to that."""
    connected: bool
    """The tunnel stood."""
    connect_failure: str
    """Why the proxy had no connection to the server: nothing that the client did."""

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> ProxyLeg:
        seen = Observation.from_dict(facts["seen"])
        return cls(
            seen=seen, port=facts["port"], connected=facts["connected"], connect_failure=facts["connect_failure"]
        )

    @property
    def readable_secrets(self) -> tuple[str, ...]:
        """To whoever runs the proxy, or listens on the way to it."""
        return (*self.seen.secrets, *self.seen.plain_secrets)


class BenchProxy:
    """The proxy of one bench; to be used from many threads."""

    def __init__(self, kind: ProxyKind, address: str) -> None:
        self.kind = kind
        self.heard: Callable[[ProxyLeg], object] = lambda leg: None
        """Told of every connection before who watches goes on: what one thread takes is another one's evidence."""
        self._address = address
        self._loop = _core.Loop()
        self._lock = threading.Lock()
        self._servers: weakref.WeakValueDictionary[int, ProxiedServer] = weakref.WeakValueDictionary()
        root = _core.Authority.root(
            _core.KeyPair.generate("p-256"), _core.CertificateSpec("pindrill TEST proxy root", ca=True)
        )
        key = _core.KeyPair.generate("p-256")
        leaf = root.issue(key, _core.CertificateSpec("pindrill TEST proxy", ip=[address]))
        over_tls = kind == "https"
        self._proxy = _core.Proxy(
            self._loop,
            address,
            0,
            language="socks" if kind == "socks" else "http",
            hosts=dict.fromkeys((HOST, SIBLING_HOST, FOREIGN_HOST), address),
            context=_core.ServerContext() if over_tls else None,
            credential=_core.Credential(key, [leaf]) if over_tls else None,
            label="proxy",
        )
        self.trust: tuple[_core.Certificate, ...] = (root.certificate,) if over_tls else ()
        """What a client must trust beside the roots of its servers."""

    @property
    def url(self) -> str:
        return f"{_SCHEME[self.kind]}://{self._address}:{self._proxy.port}"

    def before(self, server: ScenarioServer) -> ProxiedServer:
        """The same server, to be reached by this proxy as well."""
        self.watch()  # what is not taken yet led to an earlier server, perhaps on the same port
        proxied = ProxiedServer(server, self._proxy, self._address)
        with self._lock:
            self._servers[proxied.port] = proxied
        return proxied

    def watch(self) -> list[ProxyLeg]:
        """The connections that came, or went on, since the last time; servers are told what led to them."""
        if turned_away := self._proxy.turned_away:
            raise HarnessFailed(f"our proxy turned {turned_away} connections away: there were too many at once")
        with self._lock:
            legs = [ProxyLeg.from_dict(facts) for facts in self._proxy.take()]
            for leg in legs:
                self.heard(leg)
                server = self._servers.get(leg.port)
                if server is not None:
                    server.legs[leg.seen.number] = leg
        return legs


class ProxiedServer:
    """A scenario's server behind a proxy: over is what is over at both."""

    def __init__(self, server: ScenarioServer, proxy: _core.Proxy, address: str) -> None:
        self.port: int = server.port
        self.legs: dict[int, ProxyLeg] = {}
        """The connections to the proxy that led here, by their numbers."""
        self._server = server
        self._proxy = proxy
        proxy.lead_to(address, self.port)
        self._end = weakref.finalize(self, proxy.lead_no_more_to, address, self.port)

    def serve(self, label: str, credential: _core.Credential, response: str, *, takes_tickets: bool = True) -> None:
        self._server.serve(label, credential, response, takes_tickets=takes_tickets)

    def settle(self, timeout_s: float) -> bool:
        """First the proxy: what is on its way there has not come to the server yet."""
        give_up = time.monotonic() + timeout_s
        handed_on = self._proxy.settle(self.port, timeout_s)
        ended = self._server.settle(max(0.0, give_up - time.monotonic()))
        return handed_on and ended

    def observations(self) -> list[dict[str, Any]]:
        return self._server.observations()

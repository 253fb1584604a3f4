"""What a client is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pindrill.model.scenario import TlsVersion


@dataclass(frozen=True, kw_only=True)
class TargetPins:
    host: str
    of: Literal["spki", "certificate"]
    values: tuple[str, ...]
    subdomains: Literal["none", "one", "all"] = "none"
    algorithm: str = "sha256"
    expires: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a client is told, version 1. `pins`: None = do not pin, empty = an empty pin set."""

    id: str
    session: str
    url: str
    host: str
    port: int
    path: str
    address: str
    trust_file: str
    pins: tuple[TargetPins, ...] | None
    tls_min: TlsVersion
    tls_max: TlsVersion
    deadline_s: float
    requires: tuple[str, ...] = ()
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    canary: str = ""
    """What the answer will hold; not told to the client."""

    def to_json(self) -> dict[str, Any]:
        pins = None
        if self.pins is not None:
            pins = [
                {
                    "host": p.host,
                    "subdomains": p.subdomains,
                    "of": p.of,
                    "algorithm": p.algorithm,
                    "values": list(p.values),
                    "expires": p.expires,
                }
                for p in self.pins
            ]
        return {
            "version": 1,
            "id": self.id,
            "session": self.session,
            "requires": list(self.requires),
            "url": self.url,
            "method": self.method,
            "headers": self.headers,
            "body": self.body,
            "host": self.host,
            "port": self.port,
            "path": self.path,
            "address": self.address,
            "trust_file": self.trust_file,
            "pins": pins,
            "tls": {"min": self.tls_min, "max": self.tls_max},
            "client_certificate_file": None,
            "client_key_file": None,
            "deadline_s": self.deadline_s,
        }

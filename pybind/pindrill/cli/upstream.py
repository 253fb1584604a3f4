"""The options of every command that stands between an app and its servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pindrill.audits.asked import read_hosts_file
from pindrill.audits.forge import Forge
from pindrill.keyring import Keyring
from pindrill.model import UsageError


@dataclass(frozen=True, kw_only=True)
class UpstreamWords:
    """Whom an interceptor serves, what it shows, and how it finds and verifies the real servers."""

    client: Annotated[
        list[str] | None, typer.Option(help="Who is served: a phone's address, or a network; repeatable.")
    ] = None
    upstream_hosts: Annotated[Path | None, typer.Option(help="Where real servers are, in hosts format.")] = None
    upstream_trust: Annotated[Path | None, typer.Option(help="PEM that real servers are verified with.")] = None
    allow_private_upstreams: Annotated[
        bool, typer.Option("--allow-private-upstreams", help="Real servers may be on loopback or private addresses.")
    ] = False
    keyring: Annotated[Path | None, typer.Option(help="Keeps the test CA; see `pindrill keyring create`.")] = None
    seed: Annotated[int, typer.Option(help="Of the order of conditions.")] = 0

    def forge(self) -> Forge:
        return Forge(Keyring.open(self.keyring) if self.keyring else Keyring())

    def settings(self, loopback: str) -> dict[str, Any]:
        """For an interceptor. `loopback`: what of this machine is served as well."""
        if self.upstream_trust and not self.upstream_trust.is_file():
            raise UsageError(f"{self.upstream_trust}: no such file; give the real servers' CA certificates as PEM")
        return {
            "hosts": read_hosts_file(self.upstream_hosts) if self.upstream_hosts else {},
            "private_addresses": self.allow_private_upstreams,
            "upstream_trust": str(self.upstream_trust) if self.upstream_trust else "",
            "clients": (loopback, "::1", *(self.client or ())),
        }

"""A live server for clients that are driven by hand: it shows what it is told to, and keeps the facts."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

from pindrill import _core
from pindrill.classify import story
from pindrill.clients.attempt_places import attempting
from pindrill.clients.callable import resolving
from pindrill.drills.bench import CANARY_PREFIX, SECRET_PREFIX
from pindrill.http_response import Respond
from pindrill.interruption import Started
from pindrill.mint import Mint
from pindrill.model import (
    FOREIGN_HOST,
    GENUINE,
    HOST,
    SIBLING_HOST,
    STRATEGY,
    TRUSTED_ROOTS,
    Observation,
    PinsOf,
    Served,
    Target,
    TargetPins,
)


class LiveServer:
    """Speaks TLS 1.2 and 1.3; every answer holds the same canary, every target a secret of its own.

    Until it is closed its names resolve in this process, and its targets may be handed to a program (`Lab.run`).
    """

    def __init__(
        self, mint: Mint, *, address: str, directory: Path, deadline_s: float, opened: list[LiveServer]
    ) -> None:
        """`opened`: where it stands until it is closed."""
        self.address = address
        """Of the machine itself: nobody else gets there."""
        self.canary = CANARY_PREFIX + secrets.token_hex(12)
        """What a client that accepts gets."""
        self._directory = directory
        self._mint = mint
        self._deadline_s = deadline_s
        self._targets = 0
        self._served = 1
        self._loop = _core.Loop()
        self._server = _core.Server(
            self._loop,
            address,
            0,
            _core.ServerContext(min_version="1.2", max_version="1.3"),
            "1",
            *self._shown(GENUINE),
        )
        self._trust_file = directory / "trust.pem"
        self._trust_file.write_text(mint.trust_pem(TRUSTED_ROOTS))
        p12 = _core.trust_store_p12(mint.trust(TRUSTED_ROOTS), "pindrill")
        self._trust_file.with_suffix(".p12").write_bytes(p12)
        with Started() as started:
            for host in (HOST, SIBLING_HOST, FOREIGN_HOST):
                started.within(resolving(host, address))
            opened.append(self)
            started.undone_by(opened.remove, self)
            self._started = started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Its names resolve no more; what was observed can still be asked for."""
        self._started.close()

    @property
    def port(self) -> int:
        return self._server.port

    def serve(self, served: Served) -> None:
        """What connections from now on are shown: `GENUINE`, `BACKUP`, `ROGUE` of pindrill.model, or your own."""
        self._served += 1
        self._server.serve(str(self._served), *self._shown(served))

    def target(self, strategy: str = "leaf-spki+backup") -> Target:
        """What a client is told: where to connect, whom to trust, which pins of the genuine server to believe in."""
        self._targets += 1
        chosen = STRATEGY[strategy]
        path = SECRET_PREFIX + secrets.token_hex(12)
        made = Target(
            id=f"t{self._targets}",
            session=f"s{self._targets}",
            url=f"https://{HOST}:{self.port}/{path}",
            host=HOST,
            port=self.port,
            path=f"/{path}",
            address=self.address,
            trust_file=str(self._trust_file),
            pins=(TargetPins(host=HOST, of=chosen.of, values=self._mint.pins(chosen, PinsOf())),),
            deadline_s=self._deadline_s,
        )
        self._started.within(attempting(made, self.canary, self._directory))
        return made

    def observations(self) -> list[Observation]:
        """The facts about every connection so far, once those that are ending have ended."""
        self._server.settle(0.5)
        return [Observation.from_dict(facts) for facts in self._server.observations()]

    def stories(self) -> list[str]:
        """The same, a line each, for people."""
        return [f"connection {seen.number} {story(seen)}" for seen in self.observations()]

    def _shown(self, served: Served) -> tuple[_core.Credential, str]:
        return self._mint.credential(served), Respond().text(self.canary)

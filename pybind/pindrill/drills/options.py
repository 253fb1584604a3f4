"""What is asked of every client of a run, and the command that asks it again of one cell."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pindrill.drills.subjects import Subject
from pindrill.model import STRATEGY, Scenario, Strategy, TlsVersion
from pindrill.model.told_command import told_command

if TYPE_CHECKING:  # a drill starts pindrill twice, and the first time nothing is served
    from pindrill.mitm.servers import MitmServers

ProxyKind = Literal["connect", "socks", "https"]
"""HTTP CONNECT, SOCKS 5, and HTTP CONNECT inside TLS."""
PROXY_KINDS: tuple[ProxyKind, ...] = get_args(ProxyKind)

WHOLE = (1, 1)
DEADLINE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """What is asked of every client of the run."""

    scenarios: Sequence[Scenario]
    strategies: Sequence[Strategy] | None
    versions: Sequence[TlsVersion]
    pinned: str | None = None
    keyring: Path | None = None
    semantics: str | None = None
    """As given on the command line, for the command that repeats a cell."""
    deadline_s: float = DEADLINE_S
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    rounds: int = 1
    shard: tuple[int, int] = WHOLE
    key_log: Path | None = None
    edit_hosts: bool = False
    via: MitmServers | None = None
    """Clients meet mitmproxy, not our own servers."""
    through: ProxyKind | None = None
    """Clients are told a proxy of ours, and come to the servers by it."""

    @property
    def pinned_strategies(self) -> Sequence[Strategy] | None:
        """The one that is compiled in, where one is; else those asked for."""
        return (STRATEGY[self.pinned],) if self.pinned in STRATEGY else self.strategies


def repeat_command(subject: Subject, asked: DrillOptions) -> Callable[[str, str, str], str]:
    """Of a scenario, a strategy and a TLS version."""
    options = ["--keyring", str(asked.keyring)] if asked.keyring else []
    options += ["--pinned", asked.pinned] if asked.pinned else []
    options += ["--semantics", asked.semantics] if asked.semantics else []
    options += ["--deadline", f"{asked.deadline_s:g}"] if asked.deadline_s != DEADLINE_S else []
    options += ["--edit-hosts"] if asked.edit_hosts else []
    options += ["--through", asked.through] if asked.through else []
    options += ["--via", "mitmproxy", "--mitmdump", str(asked.via.mitmdump.path)] if asked.via else []

    def repeat(scenario: str, strategy: str, tls: str) -> str:
        if subject.repeats:
            return subject.repeats
        chosen = ["--strategy", strategy] if strategy != "-" and not asked.pinned else []
        return told_command(["pindrill", "drill", "--only", scenario, *chosen, "--tls", tls, *options, *subject.repeat])

    return repeat

"""A client file (`client.toml`): how a client is driven, its declared semantics, its known deviations."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

from pindrill.clients import Driver
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.command import CommandDriver
from pindrill.clients.process import resolved_program, run
from pindrill.clients.template import fill_early
from pindrill.http_response import Respond
from pindrill.model import RFC7469, Semantics, UsageError, VerdictWord
from pindrill.toml_file import TomlTable, read_toml

_VERSION_S = 60
_KEYS = (
    "name",
    "title",
    "driver",
    "command",
    "version",
    "setup",
    "packages",
    "python",
    "semantics",
    "respond",
    "env",
    "known",
)
_POSITIONS: tuple[Literal["validated", "leaf", "presented"], ...] = ("validated", "leaf", "presented")
_MODES: tuple[Literal["restrict", "replace", "add"], ...] = ("restrict", "replace", "add")
_NEEDED = {
    "name": 'name the client: name = "my-client"',
    "command": "command is a list of texts, the program first",
    "driver": 'say how it is driven: driver = "command", or "adapter"',
}


class CellLike(Protocol):
    @property
    def scenario(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def tls(self) -> str: ...
    @property
    def through(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Known:
    """A departure from the declared semantics that is known, with its reason and source."""

    scenarios: tuple[str, ...]
    verdict: str
    reason: str
    source: str = ""
    strategies: tuple[str, ...] = ("*",)
    tls: tuple[str, ...] = ("1.2", "1.3")
    through: tuple[str, ...] = ("*",)
    """Kinds of proxies (--through) that it is known behind."""

    def covers(self, cell: CellLike) -> bool:
        return (
            any(fnmatchcase(cell.scenario, p) or cell.code == p for p in self.scenarios)
            and any(fnmatchcase(cell.strategy, pattern) for pattern in self.strategies)
            and cell.tls in self.tls
            and any(fnmatchcase(cell.through, pattern) for pattern in self.through)
        )


@dataclass(frozen=True, kw_only=True)
class ClientFile:
    path: Path
    name: str
    title: str
    driver: str
    command: tuple[str, ...]
    version: str
    semantics: Semantics
    respond: Respond
    environment: Mapping[str, str] = field(default_factory=dict)
    known: tuple[Known, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its commands run, so that their relative paths start from the file."""
        return self.path.parent.absolute()

    def make_driver(
        self,
        directory: Path,
        given: Mapping[str, str] | None = None,
        ignore_exit_code: bool = False,
        launcher: Sequence[str] = (),
    ) -> Driver:
        environment, folder = {**self.environment, **(given or {})}, self.folder
        if self.driver == "adapter":
            return AdapterDriver(
                self.command, directory=directory, environment=environment, folder=folder, launcher=launcher
            )
        return CommandDriver(
            self.command,
            environment=environment,
            ignore_exit_code=ignore_exit_code,
            folder=folder,
            launcher=launcher,
        )


def read_client_file(path: Path) -> ClientFile:
    """UsageError says which key of which file is wrong."""
    if path.is_dir():
        path = path / "client.toml"
    table = read_toml(path, what="client file", fix="see docs/clients.md for one")
    table.only(_KEYS)
    for key, fix in _NEEDED.items():
        table.needed(key, fix)
    version = _version(_argv(table, "version"), path)
    respond = table.table("respond")
    respond.only(("status", "content_type", "body"))
    return ClientFile(
        path=path,
        name=table.text("name") or "",
        title=table.text("title") or str(table.values["name"]),
        driver=table.choice("driver", ("command", "adapter"), ""),
        command=_argv(table, "command"),
        version=version,
        semantics=_semantics(table.table("semantics")),
        respond=Respond(
            status=int(respond.number("status", Respond.status, 599)),
            content_type=respond.text("content_type") or Respond.content_type,
            body=(respond.values.get("body", Respond.body) and respond.text("body")) or "",
        ),
        environment=_environment(table.table("env")),
        known=tuple(found for entry in table.tables("known") if (found := _known(entry, version))),
    )


def _argv(table: TomlTable, key: str) -> tuple[str, ...]:
    values = {"here": str(table.path.parent.absolute()), "python": sys.executable}
    return tuple(fill_early(part, values) for part in table.texts(key, one=False))


def _version(argv: tuple[str, ...], path: Path) -> str:
    folder = path.parent.absolute()
    try:
        argv = (resolved_program(argv[0], folder), *argv[1:]) if argv else ()
    except UsageError:
        argv = ()
    if not argv:
        return ""
    try:
        ended = run(argv, environment=os.environ, deadline_s=_VERSION_S, folder=folder)
        lines = (ended.stdout or ended.stderr).decode().strip().splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: the version command does not say a version: {error}") from error
    if ended.ending_at and not lines:
        raise UsageError(f"{path}: the version command does not say a version: it did not end in {_VERSION_S} seconds")
    return lines[0].strip() if lines else ""


def _semantics(table: TomlTable) -> Semantics:
    table.only(("position", "mode", "host"))
    return Semantics(
        position=table.choice("position", _POSITIONS, RFC7469.position),
        mode=table.choice("mode", _MODES, RFC7469.mode),
        host=table.choice("host", (True, False), RFC7469.host),
    )


def _environment(table: TomlTable) -> dict[str, str]:
    for name, value in table.values.items():
        if not isinstance(value, str):
            raise table.refuse(name, f"{name} is {value!r}", "write a text in quotes")
    return dict(table.values)


def _known(table: TomlTable, version: str) -> Known | None:
    """If it speaks of this version: `when` is a regular expression over the version line."""
    table.only(("scenarios", "verdict", "reason", "source", "strategies", "tls", "through", "when"))
    for key in ("scenarios", "verdict", "reason"):
        table.needed(key, "an entry of [[known]] has scenarios, verdict and reason")
    when = table.text("when") or ""
    try:
        speaks = re.search(when, version)
    except re.error as error:
        raise table.refuse("when", f"when = '{when}' is no regular expression: {error}", "mend or remove it") from error
    known = Known(
        scenarios=tuple(table.texts("scenarios")),
        verdict=table.choice("verdict", tuple(map(str, VerdictWord)), ""),
        reason=table.text("reason") or "",
        source=table.text("source") or "",
        strategies=tuple(table.texts("strategies")) or Known.strategies,
        tls=tuple(table.texts("tls")) or Known.tls,
        through=tuple(table.texts("through")) or Known.through,
    )
    return known if speaks else None

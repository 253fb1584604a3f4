"""A client file (`client.toml`): how a client is driven, its declared semantics, its known deviations."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

from pindrill.clients import Driver
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.command import CommandDriver
from pindrill.clients.process import resolved_program, run
from pindrill.clients.template import fill_early
from pindrill.http_response import Respond
from pindrill.model import Semantics, UsageError, VerdictWord

_VERSION_S = 60
_KEYS = frozenset(
    [
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
    ]
)


class CellLike(Protocol):
    @property
    def scenario(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def tls(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Known:
    """A departure from the declared semantics that is known, with its reason and source."""

    scenarios: tuple[str, ...]
    verdict: str
    reason: str
    source: str = ""
    strategies: tuple[str, ...] = ("*",)
    tls: tuple[str, ...] = ("1.2", "1.3")

    def covers(self, cell: CellLike) -> bool:
        return (
            any(fnmatchcase(cell.scenario, p) or cell.code == p for p in self.scenarios)
            and any(fnmatchcase(cell.strategy, pattern) for pattern in self.strategies)
            and cell.tls in self.tls
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
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot read the client file: {error}") from error
    for key in ("name", "command", "driver"):
        if key not in data:
            raise UsageError(f"{path}: the key '{key}' is missing")
    if not isinstance(data["command"], list) or not all(isinstance(part, str) for part in data["command"]):
        raise UsageError(f"{path}: command is a list of strings, the program first")
    if unknown := sorted(data.keys() - _KEYS):
        raise UsageError(f"{path}: unknown key '{unknown[0]}'; known are: {' '.join(sorted(_KEYS))}")
    if data["driver"] not in ("command", "adapter"):
        raise UsageError(f"{path}: driver is 'command' or 'adapter', not {data['driver']!r}")
    version = _version(data, path)
    try:
        return ClientFile(
            path=path,
            name=data["name"],
            title=data.get("title", data["name"]),
            driver=data["driver"],
            command=_argv(data["command"], path),
            version=version,
            semantics=_semantics(data.get("semantics", {}), path),
            respond=Respond(**data.get("respond", {})),
            environment=data.get("env", {}),
            known=tuple(_known(data.get("known", []), version, path)),
        )
    except TypeError as error:
        raise UsageError(f"{path}: {error}") from error


def _argv(parts: Sequence[str], path: Path) -> tuple[str, ...]:
    values = {"here": str(path.parent.absolute()), "python": sys.executable}
    return tuple(fill_early(part, values) for part in parts)


def _version(data: Mapping[str, Any], path: Path) -> str:
    argv = _argv(data.get("version", ()), path)
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


def _semantics(values: Mapping[str, Any], path: Path) -> Semantics:
    allowed = {
        "position": ("validated", "leaf", "presented"),
        "mode": ("restrict", "replace", "add"),
        "host": (True, False),
    }
    for key, value in values.items():
        if value not in allowed.get(key, ()):
            choices = "; ".join(f"{name}: {', '.join(map(str, words))}" for name, words in allowed.items())
            raise UsageError(f"{path}: [semantics] {key} = {value!r} is none of {choices}")
    return Semantics(**values)


def _known(entries: Iterable[Mapping[str, Any]], version: str, path: Path) -> Iterable[Known]:
    """Those that speak of this version: `when` is a regular expression over the version line."""
    for entry in entries:
        values: dict[str, Any] = dict(entry)
        when = values.pop("when", "")
        frozen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        known = Known(**frozen)
        if known.verdict not in set(VerdictWord):
            raise UsageError(f"{path}: [[known]] verdict '{known.verdict}' is none of {', '.join(VerdictWord)}")
        try:
            speaks = re.search(when, version)
        except re.error as error:
            raise UsageError(f"{path}: [[known]] when = '{when}' is no regular expression: {error}") from error
        if speaks:
            yield known

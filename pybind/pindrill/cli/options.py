"""Options as values: a command takes one frozen dataclass, whose fields are the words of its command line. Groups that
several commands have are fields of such a type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from pindrill.drills.asked import read_assignment, read_semantics
from pindrill.drills.options import DEADLINE_S
from pindrill.drills.subjects import ClientOptions
from pindrill.model import UsageError

_Options = TypeVar("_Options")

JunitFile = Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file here.")]
JsonLines = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON Lines here; - is standard output.")
]
EditHosts = Annotated[bool, typer.Option("--edit-hosts", help="Add lines to /etc/hosts for the run.")]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", help="Instead of standard output.")]
AsOf = Annotated[str | None, typer.Option("--at", metavar="DATE", help="Judge as of this day or instant (UTC).")]
PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="A rotation plan, TOML.")]


def takes(options: type[_Options]) -> Callable[[Callable[[_Options], None]], Callable[..., None]]:
    """For typer, which reads signatures: a function with a parameter for each field, that calls with one value."""
    parts = list(_parameters(options))

    def made(command: Callable[[_Options], None]) -> Callable[..., None]:
        def called(**words: Any) -> None:
            command(_value(options, words))

        vars(called)["__signature__"] = inspect.Signature(parts)
        called.__annotations__ = {each.name: each.annotation for each in parts}
        called.__name__, called.__doc__ = command.__name__, command.__doc__
        return called

    return made


def _parameters(options: Any) -> Iterator[inspect.Parameter]:
    for each, kind in _fields(options):
        if is_dataclass(kind):
            yield from _parameters(kind)
        else:
            default = inspect.Parameter.empty if each.default is MISSING else each.default
            yield inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _value(options: Any, words: dict[str, Any]) -> Any:
    return options(
        **{
            each.name: _value(kind, words) if is_dataclass(kind) else words[each.name]
            for each, kind in _fields(options)
        }
    )


def _fields(options: Any) -> Iterator[tuple[Field[Any], Any]]:
    kinds = get_type_hints(options, include_extras=True)
    return ((each, kinds[each.name]) for each in fields(options))


def read_at(text: AsOf) -> datetime:
    """A day is its first instant, UTC; nothing is now."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at is a date such as 2027-03-01 or 2027-03-01T12:00Z, not '{text}'") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- groups ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ClientWords:
    """How a client is driven, and told things."""

    command: Annotated[list[str] | None, typer.Argument(help="The client command, behind `--`.")] = None
    adapter: Annotated[bool, typer.Option("--adapter", help="The command is a JSON Lines adapter.")] = False
    tls: Annotated[list[str] | None, typer.Option(help="1.2 or 1.3; repeatable. Default: both.")] = None
    semantics: Annotated[
        str | None, typer.Option(help="Declared semantics, such as position=leaf,mode=replace,host=off.")
    ] = None
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the client; repeatable.")] = None
    deadline: Annotated[float, typer.Option(help="Seconds for one attempt.")] = DEADLINE_S
    edit_hosts: EditHosts = False

    def given(self, *, respond: Path | None = None, ignore_exit_code: bool = False) -> ClientOptions:
        return ClientOptions(
            environment=dict(read_assignment(each) for each in self.env or []),
            semantics=read_semantics(self.semantics) if self.semantics else None,
            respond=respond,
            ignore_exit_code=ignore_exit_code,
        )

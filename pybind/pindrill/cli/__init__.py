"""The command line: parses, calls the runner, prints reports. Exit codes: 0 as expected, 1 violated, 2 usage,
3 not judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from pindrill.extras import advice, extra_of
from pindrill.failures import flushed, told, with_streams
from pindrill.interruption import Started, ignore_signals, interrupt_on_signals, stop_all
from pindrill.model import UsageError


class _Commands(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Some names are two words: `audit report`."""
        name = _first(args)
        return super().resolve_command(ctx, [name, *args[1 if name in args[:1] else 2 :]])


class _Command(TyperCommand):
    """An option whose metavar stands in brackets may stand alone: its value is empty then."""

    def make_parser(self, ctx: Any) -> Any:
        parser = super().make_parser(ctx)
        optional = {each.name for each in self.params if (each.metavar or "").startswith("[")}
        take = parser._get_value_from_state

        def value(name: str, option: Any, state: Any) -> Any:
            alone = option.dest in optional and (not state.rargs or state.rargs[0].startswith("-"))
            return "" if alone else take(name, option, state)

        vars(parser)["_get_value_from_state"] = value
        return parser


_COMMANDS = {
    "drill": "drill:drill",
    "audit": "audit:audit",
    "station": "station:station",
    "audit-report": "audit:audit_report",
    "audit-compare": "audit:audit_compare",
    "scenarios": "catalogue:scenarios",
    "show": "catalogue:show",
    "preflight": "preflight:preflight",
    "plan": "plan:plan",
    "runbook": "plan:runbook",
    "rehearse": "rehearse:rehearse",
    "report": "report:report",
    "compare": "report:compare",
    "merge": "merge:merge",
    "init": "init:init",
    "gate": "gate:gate",
    "doctor": "doctor:doctor",
    "docs": "docs:docs",
}
_INCLUDES = {"station": "station"}
"""The extra of a command that needs more than one: it includes the others."""
_GROUPS = {"pins": "pins:pins_app", "keyring": "keys:keyring_app", "mitm": "mitm:mitm_app"}


def application(words: Sequence[str]) -> typer.Typer:
    """Only the command that is asked for is loaded: a drill starts pindrill twice, and a test a thousand times."""
    app = typer.Typer(
        cls=_Commands,
        help="Does a TLS client fail closed under interception, and does it survive every rotation it should?",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    known = {**_COMMANDS, **_GROUPS}
    first = _first(words)
    for name in [first] if first in known else known:
        module, _, attribute = known[name].partition(":")
        try:
            found = getattr(import_module(f"pindrill.cli.{module}"), attribute)
        except ImportError as error:
            extra = extra_of(error)
            if not extra:
                raise
            extra = _INCLUDES.get(name, extra)
            if name == first:
                raise UsageError(advice(f"pindrill {name.replace('-', ' ')}", extra)) from error
            app.command(name, help=f"Needs the extra '{extra}', which is not installed.")(lambda: None)
            continue
        if name in _GROUPS:
            app.add_typer(found, name=name)
        else:
            app.command(name, cls=_Command)(found)
    # One command alone would not be a group, and its name no word of the command line.
    app.callback()(lambda: None)
    return app


def _first(words: Sequence[str]) -> str:
    """The name of the command."""
    two = "-".join(words[:2])
    return two if two in _COMMANDS else next(iter(words), "")


def main(*, again: bool = False) -> int:
    """The exit code. 1 is said by a verdict alone: whatever else goes wrong is told in words, and is 2 or 3.

    `again`: this program was executed by itself, where the names under test resolve.
    """
    with_streams()
    try:
        code = _ran(again)
    except BaseException as error:
        code = told(error)
    finally:
        stop_all()
        ignore_signals()
    return code if flushed() else 3


def _ran(again: bool) -> int:
    with Started() as started:
        interrupt_on_signals()
        if again:
            from pindrill.machine import names  # noqa: PLC0415

            names.take_over(started)
        command = typer.main.get_command(application(sys.argv[1:]))
        try:
            # Not by its main: that has an exit code of 1 for much that is no verdict.
            with command.make_context("pindrill", sys.argv[1:]) as context:
                command.invoke(context)
        except typer.Exit as ended:
            return ended.exit_code
    return 0

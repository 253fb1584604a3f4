"""The command line: parses, calls the runner, prints reports. Exit codes: 0 as expected, 1 violated, 2 usage,
3 not judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from pindrill.cli.arguments import optional_values
from pindrill.cli.failures import flushed, told, with_streams
from pindrill.extras import advice, extra_of
from pindrill.interruption import Started, ignore_signals, interrupt_on_signals, stop_all
from pindrill.model import UsageError


class _Commands(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, optional_values(args))


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
    first = next(iter(optional_values(words)), "")
    for name in [first] if first in known else known:
        module, _, attribute = known[name].partition(":")
        try:
            found = getattr(import_module(f"pindrill.cli.{module}"), attribute)
        except ImportError as error:
            extra = extra_of(error)
            if not extra:
                raise
            if name == first:
                raise UsageError(advice(f"pindrill {name.replace('-', ' ')}", extra)) from error
            app.command(name, help=f"Needs the extra '{extra}', which is not installed.")(lambda: None)
            continue
        if name in _GROUPS:
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    # One command alone would not be a group, and its name no word of the command line.
    app.callback()(lambda: None)
    return app


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

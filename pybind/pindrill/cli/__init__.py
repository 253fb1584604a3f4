"""The command line: parses, calls the runner, prints reports. Exit codes: 0 as expected, 1 violated, 2 usage,
3 not judged."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from pindrill.cli.arguments import optional_values
from pindrill.cli.complaint import complain
from pindrill.extras import advice, extra_of
from pindrill.keyring import CoreError, InputError
from pindrill.model import UsageError
from pindrill.runner.interruption import interrupt_on_signals

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class _Commands(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, optional_values(args))

    def invoke(self, ctx: Any) -> Any:
        """An interruption is nothing that was judged; typer has exit codes of its own for it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("pindrill: interrupted", file=sys.stderr)
            raise typer.Exit(3) from None


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


def main() -> None:
    try:
        interrupt_on_signals()
        application(sys.argv[1:])(standalone_mode=True)
    except (UsageError, InputError) as error:
        complain(error)
        sys.exit(2)
    except ImportError as error:
        extra = extra_of(error)
        if not extra:
            _say_bug()
        print(f"pindrill: {advice('this', extra)}", file=sys.stderr)
        sys.exit(2)
    except CoreError as error:
        complain(error)
        sys.exit(3)
    except BrokenPipeError:
        # The reader of our output has gone: nothing more to say to it.
        _say_no_more()
        sys.exit(3)
    except KeyboardInterrupt:
        print("pindrill: interrupted", file=sys.stderr)
        sys.exit(3)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        complain(f"{error.filename or 'the output'}: {error.strerror}; it is not whole")
        _say_no_more()
        sys.exit(3)
    except Exception:
        _say_bug()


def _say_bug() -> NoReturn:
    complain(traceback.format_exc().rstrip())
    complain("this is a bug of pindrill, no verdict on the client")
    sys.exit(3)


def _say_no_more() -> None:
    """What is still to be flushed at the end would fail again, with an exit code of Python's own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

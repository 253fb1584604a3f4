"""The command line: parses, calls the runner, prints reports. Exit codes: 0 as expected, 1 violated, 2 usage,
3 not judged."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from pindrill.cli import (
    audit,
    catalogue,
    doctor,
    drill,
    gate,
    init,
    keys,
    merge,
    mitm,
    pins,
    plan,
    preflight,
    rehearse,
    report,
    station,
)
from pindrill.cli.audit_asked import optional_values
from pindrill.keyring import CoreError, InputError
from pindrill.model import UsageError
from pindrill.reports.plain import harmless


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


app = typer.Typer(
    cls=_Commands,
    help="Does a TLS client fail closed under interception, and does it survive every rotation it should?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("drill")(drill.drill)
app.command("audit")(audit.audit)
app.command("station")(station.station)
app.command("audit-report")(audit.audit_report)
app.command("audit-compare")(audit.audit_compare)
app.command("scenarios")(catalogue.scenarios)
app.command("show")(catalogue.show)
app.command("preflight")(preflight.preflight)
app.command("plan")(plan.plan)
app.command("runbook")(plan.runbook)
app.command("rehearse")(rehearse.rehearse)
app.command("report")(report.report)
app.command("compare")(report.compare)
app.command("merge")(merge.merge)
app.command("init")(init.init)
app.command("gate")(gate.gate)
app.command("doctor")(doctor.doctor)
app.add_typer(pins.pins_app, name="pins")
app.add_typer(keys.keyring_app, name="keyring")
app.add_typer(mitm.mitm_app, name="mitm")


def main() -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(standalone_mode=True)
    except (UsageError, InputError) as error:
        print(f"pindrill: {harmless(str(error), keep=chr(10))}", file=sys.stderr)
        sys.exit(2)
    except CoreError as error:
        print(f"pindrill: {error}", file=sys.stderr)
        sys.exit(3)
    except BrokenPipeError:
        # The reader of our output has gone: nothing more to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except Exception:
        traceback.print_exc()
        print("pindrill: this is a bug of pindrill, no verdict on the client", file=sys.stderr)
        sys.exit(3)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

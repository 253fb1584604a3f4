"""`pindrill plan` and `pindrill runbook`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.options import JsonLines, OutputFile, PlanPath
from pindrill.machine.outputs import write_file, write_lines
from pindrill.preflight.model import exit_code
from pindrill.preflight.plan_text import shown_plan
from pindrill.preflight.reviewed import files_of_steps, reviewed
from pindrill.reports.forecast_html import render
from pindrill.reports.runbook import render as render_runbook


def plan(
    file: PlanPath,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the forecast as one HTML page.")] = None,
    json_file: JsonLines = None,
) -> None:
    """Check a rotation plan step by step and between the steps; say the last safe date of each, and who suffers when.

    Exit code 0: nobody is locked out or unprotected at any time (or not more than the plan tolerates); 1: somebody
    is; 2: usage; 3: could not be judged.
    """
    found = reviewed(file)
    lines = found.to_json()
    write_lines(json_file, lines)
    if html:
        write_file(html, render(lines))
    if json_file != "-":
        print("\n".join(shown_plan(found)))
    raise typer.Exit(exit_code([found.status]))


def runbook(file: PlanPath, output: OutputFile = None) -> None:
    """Write a rotation plan as a Markdown checklist: commands, checks, when to stop, how to go back."""
    found = reviewed(file)
    text = render_runbook(found.to_json(), hosts=found.plan.hosts, steps=files_of_steps(found))
    if output:
        write_file(output, text)
    else:
        print(text, end="")

"""`pindrill scenarios` and `pindrill show`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from pindrill import scenarios as catalogue
from pindrill.drills.cells import Planner
from pindrill.drills.drawn import catalogue_table, draw, drawing_mint, export
from pindrill.model import UsageError


def scenarios(
    as_json: Annotated[bool, typer.Option("--json", help="The whole catalogue, as the schema says.")] = False,
) -> None:
    """List the scenarios."""
    if as_json:
        planner = Planner(drawing_mint())
        exported = [export(scenario, planner) for scenario in catalogue.CATALOGUE]
        print(json.dumps({"version": 1, "scenarios": exported}, indent=1))
        return
    Console().print(catalogue_table())


def show(name: Annotated[str, typer.Argument(help="Scenario id, short code or glob.")]) -> None:
    """Draw a scenario's chains, and say what each stage expects under each strategy."""
    found = catalogue.matching(name)
    if not found:
        raise UsageError(f"no scenario is called '{name}'; `pindrill scenarios` lists them")
    console, mint = Console(), drawing_mint()
    for scenario in found:
        draw(console, mint, scenario)

"""A scenario without a client: as plain values, and drawn for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pindrill import scenarios as catalogue
from pindrill.drills.cells import Planner
from pindrill.drills.result_line import served_chain
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGIES, Scenario, Strategy
from pindrill.reports.text import chain_drawing


def catalogue_table() -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("code", "id", "catches"):
        table.add_column(title, no_wrap=title != "catches")
    for scenario in catalogue.CATALOGUE:
        table.add_row(scenario.code, scenario.id, scenario.catches)
    return table


def export(scenario: Scenario, planner: Planner) -> dict[str, Any]:
    """As plain values, with the expectation of every stage under every strategy."""
    return {
        "id": scenario.id,
        "code": scenario.code,
        "summary": scenario.summary,
        "catches": scenario.catches,
        "references": list(scenario.references),
        "tls": list(scenario.tls),
        "host": scenario.host,
        "core": scenario.core,
        "sessions": scenario.sessions,
        "stages": [
            {
                "presented": list(stage.serve.presented),
                "key": stage.serve.key,
                "issuers": list(stage.serve.issuers),
                "pinned": stage.pinned,
                "takes_tickets": stage.takes_tickets,
                "expected": {
                    strategy.name: planner.expectation(scenario, stage, strategy)[0].value
                    for strategy in _strategies(scenario)
                },
            }
            for stage in scenario.stages
        ],
    }


def _strategies(scenario: Scenario) -> list[Strategy]:
    return [strategy for strategy in STRATEGIES if strategy.backup or not scenario.needs_backup]


def drawing_mint() -> Mint:
    return Mint(Keyring(drawing=True))


def draw(console: Console, mint: Mint, scenario: Scenario) -> None:
    console.print(Text(f"{scenario.code}  {scenario.id}", style="bold"))
    console.print(Text(scenario.summary))
    console.print(Text(f"Catches {scenario.catches}."))
    if scenario.references:
        console.print(Text("See " + ", ".join(scenario.references)))
    console.print(Text(f"Asked for as https://{scenario.host}/, TLS {' and '.join(scenario.tls)}."))
    planner = Planner(mint)
    for number, stage in enumerate(scenario.stages, start=1):
        console.print(Text(f"\nStage {number} presents", style="bold"))
        for line in chain_drawing(served_chain(mint, stage.serve, None, None)):
            console.print(Text("  " + line))
        if stage.serve.signing_key:
            console.print(Text(f"  and signs with the key of {stage.serve.signing_key}"))
        for line in _told(scenario, number):
            console.print(Text("  " + line))
        for strategy in _strategies(scenario):
            expected, because = planner.expectation(scenario, stage, strategy)
            console.print(Text(f"  {strategy.name:26}{expected.value}: {because}"))
    console.print()


def _told(scenario: Scenario, number: int) -> Iterator[str]:
    """Of pins that change, and of sessions."""
    stage = scenario.stages[number - 1]
    if not stage.pinned:
        yield "The request is made without pins."
    elif stage.pins:
        yield f"The client has other pins{', and is the same object' if scenario.sessions == 'tickets' else ''}."
    if scenario.sessions == "none":
        return
    if number == 1:
        yield "The client is given tickets."
    else:
        yield "A ticket is taken: no certificate is shown then." if stage.takes_tickets else "A ticket is declined."

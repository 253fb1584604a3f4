"""Scenarios that clients of one mistake get wrong alike, by what each says of itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from pindrill.model import Fault, Scenario, Strategy

GROUPS = (*get_args(Fault), "accepted", "backup", "refused", "malformed")
_COLUMNS = ("leaf-cert", "leaf-spki", "intermediate-spki", "root-spki")


def groups_of(scenario: Scenario, strategy: Strategy) -> Collection[str]:
    """With a backup pin; fixtures/clients/mutants/mutants.toml says what each group is."""
    alone, backed_up = (_letters(row, strategy) for row in scenario.expected)
    found = {"accepted"} if set(backed_up) == {"A"} else set()
    if "R" in backed_up or (scenario.sessions == "tickets" and scenario.fault):
        found |= {"refused", scenario.fault or "pin"}
    if any(before != "A" and after == "A" for before, after in zip(alone, backed_up, strict=True)):
        found.add("backup")
    if "C" in backed_up:
        found.add("malformed")
    return found


def _letters(row: str, strategy: Strategy) -> str:
    """Of each stage."""
    return "".join(stage[_COLUMNS.index(strategy.kind)] for stage in row.split())

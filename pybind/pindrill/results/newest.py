"""The newest line of each cell, in the catalogue's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pindrill import scenarios as catalogue
from pindrill.results.line import ResultLine

CellKey = tuple[str, str, str, str, int]


def cell_key(line: ResultLine) -> CellKey:
    """A later line with the same key takes the place of the earlier one."""
    return line.client, line.scenario, line.strategy, line.tls, line.round


def latest(lines: Sequence[ResultLine]) -> list[ResultLine]:
    """In the catalogue's order; a superseding line takes the place of the earlier one."""
    newest = {cell_key(line): line for line in lines}
    return [newest[key] for key in in_order(newest)]


def in_order(keys: Mapping[CellKey, Any]) -> list[CellKey]:
    clients = {client: number for number, client in enumerate(dict.fromkeys(key[0] for key in keys))}
    place = {scenario.id: number for number, scenario in enumerate(catalogue.CATALOGUE)}
    return sorted(keys, key=lambda key: (place.get(key[1], len(place)), key[1], clients[key[0]], *key[2:]))

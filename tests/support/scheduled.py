"""Apps that a schedule asks until nothing is left, without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from pindrill.audits.facts import Condition, Destination
from pindrill.audits.schedule import Schedule
from pindrill.audits.verdict import judge
from pindrill.audits.words import AuditWord

from support.contacts import HOST, OTHER
from support.simulated_app import Client, Wire

FOURTH, FIFTH = Destination("fourth.pin.test", 443), Destination("fifth.pin.test", 8443)
BOUND = 150
"""Starts of an app, at most; a schedule that does not end fails."""

ORDINARY = Client()
PINNED = Client(pinned="validated")
CARELESS = Client(validates=False)
LATE = Client(pinned="validated", late=True)
App = Callable[[Wire], None]


def everything(**values: object) -> Schedule:
    return Schedule(**{"per_start": True, "chain_known": lambda destination: True, **values})  # type: ignore[arg-type]


def audit(app: App, schedule: Schedule | None = None) -> Wire:
    """Starts the app until nothing is left to ask."""
    wire = Wire(schedule or everything())
    for _ in range(BOUND):
        if wire.schedule.finished():
            return wire
        app(wire)
        if wire.schedule.run:
            wire.schedule.advance()
    raise AssertionError(json.dumps(wire.schedule.state(), indent=1))


def words(wire: Wire) -> dict[Destination, AuditWord]:
    return {each.destination: each.word for each in judge(wire.contacts)}


def shown(wire: Wire, destination: Destination = HOST) -> list[Condition | None]:
    return [each.condition for each in wire.contacts if each.destination == destination]


def one(client: Client) -> App:
    def app(wire: Wire) -> None:
        wire.request(client)

    return app


def with_other(client: Client) -> App:
    """The same stack elsewhere without pins, so that its trust can be shown."""

    def app(wire: Wire) -> None:
        wire.request(client)
        wire.request(replace(client, pinned="no", late=False), OTHER)

    return app

"""What a schedule asks suffices for the verdict that each nature of an app demands."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from pindrill.audits.facts import Destination
from pindrill.audits.schedule import Schedule
from pindrill.audits.verdict import judge
from pindrill.audits.words import AuditWord
from support.contacts import HOST, OTHER, SECOND, THIRD
from support.scheduled import CARELESS, FIFTH, FOURTH, LATE, ORDINARY, PINNED, audit, everything, with_other, words
from support.simulated_app import GENUINE, Client, Look, Wire

W = AuditWord

NATURES = {
    "pinned": (PINNED, W.PINNED),
    "pinned, closing after the handshake": (replace(PINNED, refuses="closing"), W.PINNED),
    "pinned, silent": (replace(PINNED, refuses="silent"), W.PINNED),
    "unpinned": (ORDINARY, W.INTERCEPTED),
    "no validation": (CARELESS, W.NO_VALIDATION),
    "late": (LATE, W.LEAKED),
    "pin on what is presented": (Client(pinned=lambda presented: GENUINE[0] in presented), W.WRONG_CERTIFICATE),
    "no name check": (Client(checks_name=False), W.WRONG_CERTIFICATE),
    "does not trust the test CA": (Client(trusts_test_ca=False), W.CA_UNTRUSTED),
    "does not trust the test CA, silent": (Client(trusts_test_ca=False, refuses="silent"), W.CA_UNTRUSTED),
}


@pytest.mark.parametrize("per_start", [True, False], ids=["starts", "taps"])
@pytest.mark.parametrize("nature", NATURES)
def test_natures(nature: str, per_start: bool) -> None:
    client, word = NATURES[nature]
    wire = audit(with_other(client), everything(per_start=per_start))
    reasons = {each.destination: each.reason for each in judge(wire.contacts)}
    assert words(wire)[HOST] is word, reasons[HOST]


@pytest.mark.parametrize("per_start", [True, False], ids=["starts", "taps"])
@pytest.mark.parametrize("seed", range(4))
def test_an_app_with_five_destinations(seed: int, per_start: bool) -> None:
    def app(wire: Wire) -> None:
        wire.request(replace(PINNED, refuses="closing"), HOST)
        wire.request(ORDINARY, OTHER)
        wire.request(CARELESS, THIRD)
        wire.request(LATE, FOURTH)
        if not wire.request(PINNED, FIFTH):
            wire.plain(FIFTH.host)

    wire = audit(app, everything(seed=seed, per_start=per_start))
    assert words(wire) == {
        HOST: W.PINNED,
        OTHER: W.INTERCEPTED,
        THIRD: W.NO_VALIDATION,
        FOURTH: W.LEAKED,
        FIFTH: W.FALLBACK,
        Destination(FIFTH.host, 80): W.FALLBACK,
    }, {str(each.destination): each.reason for each in judge(wire.contacts)}


def anywhere(wanted: str) -> Look:
    return lambda presented: wanted in presented


def at(place: int, wanted: str) -> Look:
    return lambda presented: wanted in presented[place : place + 1 or None]


LOOKS: dict[str, Look] = {
    **{f"{each} anywhere": anywhere(each) for each in GENUINE},
    **{
        f"{each} at {place}, as in the genuine list": at(place, each)
        for each, places in zip(GENUINE, ((-3,), (1, -2), (2, -1)), strict=True)
        for place in places
    },
    "the second of three": lambda presented: len(presented) == len(GENUINE) and presented[1] == GENUINE[1],
    "all but the first": lambda presented: presented[1:] == GENUINE[1:],
    "everything anywhere": lambda presented: set(presented) >= set(GENUINE),
    "all issuers anywhere": lambda presented: set(presented) >= set(GENUINE[1:]),
    "the last, and the leaf anywhere": lambda presented: presented[-1] == GENUINE[-1] and GENUINE[0] in presented,
    "the second, and the leaf anywhere": lambda presented: presented[1] == GENUINE[1] and GENUINE[0] in presented,
}
"""Clients that look for their pin in the presented list, work with the genuine one, and check no key but the first."""


def test_those_who_look_at_the_presented_list_work_with_the_genuine_one() -> None:
    assert all(look(GENUINE) for look in LOOKS.values())


@pytest.mark.parametrize("per_start", [True, False], ids=["starts", "taps"])
@pytest.mark.parametrize("refuses", ["alert", "closing", "silent"])
@pytest.mark.parametrize("look", LOOKS)
def test_wherever_a_client_looks_in_the_presented_list(
    look: str, refuses: Literal["alert", "closing", "silent"], per_start: bool
) -> None:
    wire = audit(with_other(Client(pinned=LOOKS[look], refuses=refuses)), everything(per_start=per_start))
    assert words(wire) == {HOST: W.WRONG_CERTIFICATE, OTHER: W.INTERCEPTED}


@pytest.mark.parametrize("refuses", ["alert", "closing", "silent"])
@pytest.mark.parametrize("look", LOOKS)
def test_wherever_it_looks_while_other_refusals_stop_the_app(
    look: str, refuses: Literal["alert", "closing", "silent"]
) -> None:
    """A flow that goes on only after an answer: what is refused elsewhere leaves a connection unused here."""

    def app(wire: Wire) -> None:
        looking = Client(pinned=LOOKS[look], refuses=refuses)
        if wire.request(PINNED, THIRD) and wire.request(ORDINARY, OTHER):
            wire.request(looking)
        else:
            wire.idle(looking)

    assert words(audit(app))[HOST] is W.WRONG_CERTIFICATE


def test_nothing_is_called_pinned_while_the_genuine_chain_is_not_known() -> None:
    wire = audit(with_other(PINNED), Schedule(per_start=True))
    assert words(wire)[HOST] is W.INCONCLUSIVE


@pytest.mark.parametrize("silent", range(5))
def test_what_it_costs_to_show_every_place(silent: int) -> None:
    """Starts of an app with so many silently pinned hosts, one that tells, and one without pins."""

    def app(wire: Wire) -> None:
        for number in range(silent):
            wire.request(replace(PINNED, refuses="closing"), Destination(f"silent{number}.pin.test", 443))
        wire.request(PINNED)
        wire.request(ORDINARY, OTHER)

    wire = audit(app)
    assert set(words(wire).values()) == {W.PINNED, W.INTERCEPTED}
    assert wire.schedule.run - 1 == 17 + 4 * silent


def test_a_stack_with_roots_of_its_own_is_not_pinned() -> None:
    own_roots = Client(trusts_test_ca=False, stack=SECOND)

    def app(wire: Wire) -> None:
        wire.request(own_roots)
        wire.request(ORDINARY, OTHER)

    assert words(audit(app)) == {HOST: W.INCONCLUSIVE, OTHER: W.INTERCEPTED}


def test_trust_at_careless_places_only_proves_nothing() -> None:
    def app(wire: Wire) -> None:
        wire.request(Client(trusts_test_ca=False))
        wire.request(CARELESS, OTHER)

    assert words(audit(app)) == {HOST: W.CA_UNTRUSTED, OTHER: W.NO_VALIDATION}


def test_a_retry_without_checks() -> None:
    def app(wire: Wire) -> None:
        if not wire.request(PINNED):
            wire.request(ORDINARY)

    assert words(audit(app)) == {HOST: W.FALLBACK}


def test_a_second_stack_after_a_refusal() -> None:
    def app(wire: Wire) -> None:
        if not wire.request(PINNED):
            wire.request(replace(ORDINARY, stack=SECOND))

    assert words(audit(app)) == {HOST: W.FALLBACK}


@pytest.mark.parametrize("per_start", [True, False], ids=["starts", "taps"])
def test_connections_that_nobody_needs_are_no_refusals(per_start: bool) -> None:
    def app(wire: Wire) -> None:
        wire.request(ORDINARY)
        wire.idle(ORDINARY)

    assert words(audit(app, everything(per_start=per_start))) == {HOST: W.INTERCEPTED}


@pytest.mark.parametrize("refuses", ["alert", "closing", "silent"])
def test_a_flow_that_stops_at_a_refusal(refuses: Literal["alert", "closing", "silent"]) -> None:
    """A log-in that is pinned, and behind it a request over a connection that was opened before."""
    login = replace(PINNED, refuses=refuses)

    def app(wire: Wire) -> None:
        if wire.request(login, OTHER):
            wire.request(ORDINARY)
        else:
            wire.idle(ORDINARY)
        wire.request(ORDINARY, THIRD)

    wire = audit(app)
    assert words(wire) == {OTHER: W.PINNED, HOST: W.INTERCEPTED, THIRD: W.INTERCEPTED}


def test_a_destination_behind_a_pinned_one_is_reached() -> None:
    def app(wire: Wire) -> None:
        if wire.request(PINNED, OTHER):
            wire.request(CARELESS)

    assert words(audit(app))[HOST] is W.NO_VALIDATION


def test_the_app_stays_usable_at_the_end() -> None:
    wire = audit(with_other(PINNED), everything(per_start=False))
    for _ in range(5):
        assert wire.request(PINNED)
        assert wire.request(ORDINARY, OTHER)

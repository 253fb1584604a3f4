"""The schedule: which condition comes next, that it ends, and that verdicts over what it asked are right."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
from pindrill.audits.facts import AppRun, Condition, Destination, Question
from pindrill.audits.schedule import MISSES, PATIENCE, Schedule
from pindrill.audits.showing import NEEDS_GENUINE_CHAIN, STAPLED
from pindrill.audits.verdict import judge
from pindrill.audits.words import AuditWord
from support.contacts import HOST, OTHER, SECOND, THIRD, C, contact
from support.facts import HELLO, seen
from support.simulated_app import GENUINE, Client, Look, Wire

W = AuditWord
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


# --- which condition comes next --------------------------------------------------------------------------------


def test_it_begins_with_pass_through_and_then_the_test_ca() -> None:
    assert shown(audit(one(ORDINARY)))[:2] == [C.PASS_THROUGH, C.TRUSTED_CA]


def test_all_conditions_are_tried_on_a_client_that_refuses() -> None:
    assert set(shown(audit(one(PINNED)))) == set(Condition)


def test_no_stapling_where_plain_interception_succeeded() -> None:
    conditions = set(shown(audit(one(ORDINARY))))
    assert conditions == set(Condition) - STAPLED


def test_nothing_that_needs_the_genuine_chain_before_it_is_known() -> None:
    assert not set(shown(audit(one(PINNED), Schedule(per_start=True)))) & NEEDS_GENUINE_CHAIN


def test_a_chain_that_becomes_known_is_used() -> None:
    known: set[Destination] = set()
    schedule = everything(chain_known=known.__contains__)
    wire = Wire(schedule)
    for _ in range(4):
        wire.request(PINNED)
        schedule.advance()
    known.add(HOST)
    while not schedule.finished():
        wire.request(PINNED)
        schedule.advance()
    assert set(shown(wire)) == set(Condition)


def test_only_what_the_interceptor_offers() -> None:
    offered = (C.PASS_THROUGH, C.TRUSTED_CA, C.EXPIRED)
    assert set(shown(audit(one(PINNED), everything(offered=offered)))) == set(offered)


@pytest.mark.parametrize("per_start", [True, False])
def test_controls_stand_between(per_start: bool) -> None:
    """Never many rogue conditions in a row, and the genuine server last."""
    conditions = shown(audit(one(PINNED), everything(per_start=per_start)))
    longest, row = 0, 0
    for each in conditions:
        row = 0 if each is C.PASS_THROUGH else row + 1
        longest = max(longest, row)
    assert longest <= 5
    assert conditions[-1] is C.PASS_THROUGH


def test_the_test_ca_is_shown_again_to_who_leaves_early() -> None:
    assert Counter(shown(audit(one(LATE))))[C.TRUSTED_CA] == 3
    assert Counter(shown(audit(one(ORDINARY))))[C.TRUSTED_CA] == 2
    assert Counter(shown(audit(one(replace(ORDINARY, lingers=True)))))[C.TRUSTED_CA] == 1


def test_rogue_later_and_rogue_first_where_there_are_several_connections() -> None:
    def app(wire: Wire) -> None:
        wire.request(PINNED)
        wire.request(PINNED)

    wire = audit(app)
    runs = {tuple(each.condition for each in wire.contacts if each.run == run) for run in range(1, wire.schedule.run)}
    assert {(C.PASS_THROUGH, C.TRUSTED_CA), (C.TRUSTED_CA, C.PASS_THROUGH)} <= runs


def test_within_a_run_a_destination_keeps_its_condition() -> None:
    def app(wire: Wire) -> None:
        for _ in range(3):
            wire.request(ORDINARY)

    wire = audit(app)
    for run in range(1, wire.schedule.run):
        assert len({each.condition for each in wire.contacts if each.run == run}) == 1


# --- deterministic, exportable ---------------------------------------------------------------------------------


def test_the_same_seed_asks_the_same() -> None:
    first, second = (audit(with_other(PINNED), everything(seed=7)) for _ in range(2))
    assert first.contacts == second.contacts
    assert first.schedule.state() == second.schedule.state()


def test_seeds_differ() -> None:
    orders = {tuple(shown(audit(one(PINNED), everything(seed=seed)))) for seed in range(8)}
    assert len(orders) > 1
    assert len({tuple(sorted(map(str, order))) for order in orders}) == 1


def test_the_state_is_exported_as_json() -> None:
    wire = Wire(everything(seed=3))
    wire.request(ORDINARY)
    state = json.loads(json.dumps(wire.schedule.state()))
    assert state["seed"] == 3
    (place,) = state["destinations"]
    assert place["destination"] == "app.pin.test:443"
    assert place["now"] == "pass-through"
    wire.schedule.advance()
    (place,) = wire.schedule.state()["destinations"]
    assert place["done"] == [{"step": "pass-through", "outcome": "passed through", "connections": 1}]
    assert (place["next"], place["settled"]) == ("trusted-ca", False)
    (place,) = audit(one(ORDINARY)).schedule.state()["destinations"]
    assert (place["next"], place["settled"], place["given_up"]) == (None, True, "")


# --- it ends ---------------------------------------------------------------------------------------------------


def test_an_app_that_contacts_nobody() -> None:
    schedule = everything()
    for _ in range(MISSES):
        assert not schedule.finished()
        schedule.advance()
    assert schedule.finished()


def test_a_destination_that_is_contacted_once_only() -> None:
    def app(wire: Wire) -> None:
        if wire.schedule.run == 1:
            wire.request(ORDINARY, THIRD)
        wire.request(ORDINARY)

    wire = audit(app)
    told = {each["destination"]: each["given_up"] for each in wire.schedule.state()["destinations"]}
    assert "not contacted any more" in told[str(THIRD)]
    assert not told[str(HOST)]
    assert words(wire)[THIRD] is W.INCONCLUSIVE


def test_connections_that_show_nothing_are_repeated_and_then_left() -> None:
    schedule = everything()
    for run in range(1, BOUND):
        if schedule.finished():
            break
        question = Question(id=run, way="proxy", client="127.0.0.1", destination=HOST, hello=HELLO)
        condition = schedule.next(question)
        schedule.note(replace(contact(condition, seen(hello=HELLO, ended="fin", ended_at=25)), id=run))
        schedule.advance()
    (place,) = schedule.state()["destinations"]
    assert place["settled"]
    assert {each["outcome"] for each in place["done"]} <= {"unclear", "passed through"}


def test_a_run_in_which_the_app_died_is_repeated() -> None:
    schedule = everything()
    wire = Wire(schedule)
    wire.request(PINNED)
    schedule.advance()
    wire.request(PINNED)
    schedule.advance(AppRun(number=2, death="was killed by SIGSEGV"))
    (place,) = schedule.state()["destinations"]
    assert [each["step"] for each in place["done"]] == ["pass-through"]
    for run in range(3, 6):
        schedule.advance(AppRun(number=run, death="was killed by SIGSEGV"))
        assert not schedule.finished()


def test_alone_where_nobody_starts_the_app_does_not_wait_for_ever() -> None:
    silent = replace(PINNED, refuses="closing")
    wire = Wire(everything(per_start=False))
    while wire.schedule.state()["alone"] is None:
        wire.request(silent)
        assert len(wire.contacts) < BOUND
    for _ in range(PATIENCE + BOUND):
        wire.request(ORDINARY, OTHER)
    assert wire.schedule.finished()


def test_the_tester_may_skip_a_step() -> None:
    wire = Wire(everything(per_start=False))
    wire.request(ORDINARY)
    for _ in range(2):
        wire.schedule.skip("127.0.0.1", HOST)
    wire.request(ORDINARY)
    assert shown(wire) == [C.PASS_THROUGH, C.PASS_THROUGH]
    (place,) = wire.schedule.state()["destinations"]
    skipped = {"step": "trusted-ca", "outcome": "unclear", "connections": 0}
    assert place["done"][1:3] == [skipped, skipped]


def test_a_contact_that_ends_after_its_run_changes_nothing() -> None:
    schedule = everything()
    question = Question(id=1, way="proxy", client="127.0.0.1", destination=HOST, hello=HELLO)
    schedule.next(question)
    schedule.advance()
    before = schedule.state()
    schedule.note(replace(contact(C.PASS_THROUGH, seen(hello=HELLO)), id=1))
    assert schedule.state() == before


def test_connections_at_the_same_time_are_shown_the_same() -> None:
    schedule = everything(per_start=False)
    asked = [Question(id=each, way="proxy", client="127.0.0.1", destination=HOST, hello=HELLO) for each in range(6)]
    assert {schedule.next(each) for each in asked} == {C.PASS_THROUGH}


def test_clients_advance_on_their_own() -> None:
    schedule = everything(per_start=False)
    wire = Wire(schedule)
    wire.request(ORDINARY)
    question = Question(id=99, way="proxy", client="192.0.2.7", destination=HOST, hello=HELLO)
    assert schedule.next(question) is C.PASS_THROUGH


# --- with the judge: what is asked suffices for the verdict that each nature demands -----------------------------

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

"""The schedule: which condition comes next, and that it ends."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from pindrill.audits.facts import AppRun, Condition, Destination, Question
from pindrill.audits.schedule import MISSES, PATIENCE, Schedule
from pindrill.audits.showing import NEEDS_GENUINE_CHAIN, STAPLED
from pindrill.audits.words import AuditWord
from support.contacts import HOST, OTHER, THIRD, C, contact
from support.facts import HELLO, seen
from support.scheduled import BOUND, LATE, ORDINARY, PINNED, audit, everything, one, shown, with_other, words
from support.simulated_app import Wire

W = AuditWord


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

"""The verdict of an audit: how the stacks of a destination are put together, and what is told of them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from pindrill.audits.facts import Condition, Readable, ReadableKind
from pindrill.audits.verdict import judge
from pindrill.audits.words import FAILURES, UNDECIDED, AuditWord
from support.audit_rows import PLACES, REFUSED, Row, check, two
from support.contacts import (
    HOST,
    OTHER,
    SECOND,
    STACK,
    C,
    closed,
    contact,
    held,
    idle,
    in_order,
    passed,
    plain,
    read,
    told,
    trust,
)
from support.facts import HELLO, alert, plaintext, seen
from test_audit_pinned import ROWS as PINNED_ROWS
from test_audit_pinned_trust import ROWS as TRUST_ROWS
from test_audit_readings import ROWS as READING_ROWS

W = AuditWord
TRUST = trust()
UNSENT = contact(C.TRUSTED_CA, seen(hello=HELLO, ended="fin", ended_at=25))
GARBAGE = contact(None, plaintext(secrets=(), request_line="", progress="other"), plaintext_forwarded=True)
NOT_RESOLVED = contact(
    C.TRUSTED_CA,
    seen(hello=HELLO, alerts=(alert(80, sent=True, at=22),), ended="fin", ended_at=25),
    upstream_failure="app.pin.test: no address",
)
SMALL = contact(C.PASS_THROUGH, seen(hello=HELLO, ended="fin", ended_at=80))


ROWS = (
    # nothing can be said
    Row("garbage", (GARBAGE,), W.INCONCLUSIVE, "neither TLS nor a request"),
    Row("no ClientHello", (contact(None, seen(ended="fin", ended_at=15)),), W.INCONCLUSIVE, "sent no ClientHello"),
    Row("only upstream failures", two(NOT_RESOLVED), W.INCONCLUSIVE, "no address"),
    Row("only before the flight", two(UNSENT), W.INCONCLUSIVE, "before it was shown"),
    Row("a passed connection without anything", (SMALL,), W.INCONCLUSIVE),
    Row(
        "passed, of a version that was not told",
        (*TRUST, passed(version=""), *two(closed())),
        W.INCONCLUSIVE,
        "never seen to work when passed through",
    ),
    # several stacks
    Row(
        "pinned, and another stack unknown",
        (*TRUST, *PLACES, *REFUSED, passed(stack=SECOND)),
        W.INCONCLUSIVE,
        f"{STACK}: pinned",
    ),
    Row(
        "pinned, and a stack that says nothing",
        (*TRUST, *PLACES, *REFUSED, replace(UNSENT, seen=contact(None, UNSENT.seen, stack=SECOND).seen)),
        W.PINNED,
    ),
    Row(
        "pinned, and another stack intercepted anyway",
        (*TRUST, passed(stack=SECOND), *PLACES, *REFUSED, read(stack=SECOND)),
        W.INTERCEPTED,
        f"{STACK}: pinned",
        stack=SECOND,
    ),
    Row("one at a time, others", (*TRUST, *REFUSED), W.INTERCEPTED, at=OTHER),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_rule(row: Row) -> None:
    check(row)


def test_words_are_failures_undecided_or_pinned() -> None:
    assert set(AuditWord) - FAILURES - UNDECIDED == {W.PINNED}
    assert not FAILURES & UNDECIDED


EVERY = (*ROWS, *PINNED_ROWS, *TRUST_ROWS, *READING_ROWS)


def test_every_word_is_in_the_tables() -> None:
    assert {row.word for row in EVERY} == set(AuditWord) - {W.NOT_CONTACTED}


@pytest.mark.parametrize("row", EVERY, ids=[row.name for row in EVERY])
def test_the_order_of_arrival_of_facts_changes_nothing(row: Row) -> None:
    contacts = in_order(*row.contacts)
    shuffled = contacts.copy()
    random.Random(1).shuffle(shuffled)
    assert judge(shuffled, runs=row.starts) == judge(contacts, runs=row.starts)


def test_pinned_falls_with_any_of_what_it_rests_on() -> None:
    """Leave out any one contact of a minimal proof, and nothing is said."""
    proof = in_order(*TRUST, *REFUSED, *PLACES)
    for left_out in range(len(proof)):
        rest = proof[:left_out] + proof[left_out + 1 :]
        at_host = {each.destination: each.word for each in judge(rest)}[HOST]
        # The pass-through of the other destination is no part of the proof: it refuses with an alert there.
        assert (at_host is W.PINNED) == (left_out == 0), left_out


def test_names_that_nobody_contacted() -> None:
    found = judge(in_order(read()), named=[HOST, OTHER])
    assert [(each.destination, each.word) for each in found] == [(HOST, W.INTERCEPTED), (OTHER, W.NOT_CONTACTED)]


def test_an_interceptor_that_died_is_not_a_name_that_nobody_contacted() -> None:
    (found,) = judge([], named=[HOST], trouble="it died by signal 9")
    assert found.word is W.INCONCLUSIVE
    assert "it died by signal 9" in found.reason


def test_what_each_condition_showed_is_counted() -> None:
    contacts = in_order(passed(), idle(), read(), told(), closed(), held(), closed(C.EXPIRED), plain(HOST))
    (found,) = judge(contacts)
    assert [
        (each.condition, each.connections, each.read, each.refused, each.silent, each.other)
        for each in found.conditions
    ] == [
        (Condition.PASS_THROUGH, 2, 0, 0, 0, 2),
        (Condition.TRUSTED_CA, 4, 1, 1, 1, 1),
        (Condition.EXPIRED, 1, 0, 0, 1, 0),
        (None, 1, 1, 0, 0, 0),
    ]
    assert found.conditions[1].stories[1] == "refused with alert 48"


def test_what_was_readable_is_put_together() -> None:
    cookie, host = Readable(ReadableKind.COOKIE, "session", 40), Readable(ReadableKind.HEADER, "host", 12)
    contacts = in_order(read(readable=(host, cookie)), read(C.EXPIRED, readable=(cookie,)), told(readable=(host,)))
    assert judge(contacts)[0].readable == (cookie, host)


def test_no_contacts() -> None:
    assert judge([]) == []

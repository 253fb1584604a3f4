"""When a refusal is a pin: only of a stack that trusts the test CA, and that was shown the genuine certificates at
every place; row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pindrill.audits.showing import EVERY_PLACE
from pindrill.audits.words import AuditWord
from support.audit_rows import CLOSING, PLACES, REFUSED, Row, check, runs, two
from support.contacts import (
    OTHER,
    SECOND,
    THIRD,
    C,
    closed,
    contact,
    held,
    passed,
    read,
    told,
    trust,
)
from support.facts import requested, shown

W = AuditWord
TRUST = trust()
CLOSED_RUNS = ((passed(),), (closed(),), (closed(),))
OTHERWISE_TRUSTED = trust(SECOND)
RESET = contact(C.TRUSTED_CA, shown(ended="reset"))

ROWS = (
    # ... trust in the test CA, shown by this very stack
    Row("no trust by anybody", REFUSED, W.CA_UNTRUSTED, "pinned, or the test CA is not trusted by it: these"),
    Row("unknown_ca proves nothing more", (passed(), *two(told(number=48))), W.CA_UNTRUSTED),
    Row("says what to do", REFUSED, W.CA_UNTRUSTED, "let the same client contact one host without a pin"),
    # ... of which the difference between the test CA and one that nobody trusts is evidence, but no proof
    Row(
        "completes the handshake under the test CA alone",
        (*CLOSING, told(C.UNTRUSTED_CA), told(C.SELF_SIGNED), *PLACES),
        W.INCONCLUSIVE,
        "pinned, or refused for another reason that is not the CA: these cannot be told apart",
    ),
    Row(
        "the difference is told",
        (*CLOSING, told(C.UNTRUSTED_CA)),
        W.INCONCLUSIVE,
        "it treats the test CA (completed the handshake and closed without data (FIN)) otherwise than one that nobody "
        "trusts (refused with alert 48)",
    ),
    Row("after the handshake for both", (*CLOSING, closed(C.UNTRUSTED_CA)), W.CA_UNTRUSTED, "under the test CA; let"),
    Row("completes one of the untrusted", (*CLOSING, told(C.UNTRUSTED_CA), closed(C.SELF_SIGNED)), W.CA_UNTRUSTED),
    Row("completes only sometimes", (*CLOSING, told(), told(C.UNTRUSTED_CA)), W.CA_UNTRUSTED),
    Row("alerts differ", (passed(), *two(told(number=46)), told(C.UNTRUSTED_CA)), W.CA_UNTRUSTED, "otherwise than one"),
    Row("alerts agree", (*REFUSED, told(C.UNTRUSTED_CA)), W.CA_UNTRUSTED, "under the test CA; let"),
    Row(
        "alerts differ for the self-signed one only",
        (*REFUSED, told(C.UNTRUSTED_CA), told(C.SELF_SIGNED, number=46)),
        W.CA_UNTRUSTED,
        "under the test CA; let",
    ),
    Row(
        "completes under the test CA alone, which another stack trusts",
        (*OTHERWISE_TRUSTED, *CLOSING, told(C.UNTRUSTED_CA)),
        W.INCONCLUSIVE,
        "pinned, or refused for another reason",
    ),
    # ... the genuine certificates at every place of the list
    *(
        Row(
            f"never shown: {left_out.condition}",
            (*TRUST, *REFUSED, *(each for each in PLACES if each is not left_out)),
            W.INCONCLUSIVE,
            f"no refusal was seen under {left_out.condition}",
        )
        for left_out in PLACES
    ),
    Row(
        "where it matters most, a close counts as any other",
        runs(
            (*TRUST, *(each for each in PLACES if each.condition not in EVERY_PLACE)),
            *CLOSED_RUNS,
            *((closed(each),) for each in EVERY_PLACE),
        ),
        W.PINNED,
    ),
    Row(
        "where it matters most, a close in the shadow of another refusal is none",
        runs(
            (*TRUST, *(each for each in PLACES if each.condition is not C.GENUINE_ISSUERS_IN_PLACE)),
            *CLOSED_RUNS,
            (told(destination=THIRD), closed(C.GENUINE_ISSUERS_IN_PLACE)),
        ),
        W.INCONCLUSIVE,
        "under genuine-issuers-in-place",
    ),
    Row("refused everywhere", (*REFUSED, passed(destination=OTHER), *two(told(destination=OTHER))), W.CA_UNTRUSTED),
    Row("refused too seldom to say even that", (passed(), told()), W.INCONCLUSIVE, "only once"),
    Row("trust by another stack", (*OTHERWISE_TRUSTED, *REFUSED), W.INCONCLUSIVE, "intercepted nowhere"),
    Row(
        "trust by a stack without fingerprint",
        (*trust(""), *(replace(c, seen=contact(c.condition, c.seen, stack="").seen) for c in REFUSED)),
        W.INCONCLUSIVE,
        "no fingerprint",
    ),
    Row(
        "trust where an untrusted CA is accepted too",
        (*TRUST, read(C.UNTRUSTED_CA, destination=OTHER), *REFUSED),
        W.CA_UNTRUSTED,
    ),
    Row(
        "trust where a self-signed one is accepted, and by another stack elsewhere",
        (*TRUST, read(C.SELF_SIGNED, destination=OTHER), *trust(SECOND, THIRD), *REFUSED),
        W.INCONCLUSIVE,
        "an untrusted certificate is accepted there as well",
    ),
    Row(
        "trust where nothing untrusted was shown",
        (passed(destination=OTHER), read(destination=OTHER), *REFUSED),
        W.INCONCLUSIVE,
        "has not been seen",
    ),
    Row(
        "trust by a retry",
        (told(destination=OTHER), *TRUST, *REFUSED),
        W.INCONCLUSIVE,
        "only on a retry after a refusal",
    ),
    Row("trust by a retry after RST", (replace(RESET, destination=OTHER), *TRUST, *REFUSED), W.INCONCLUSIVE, "retry"),
    Row("trust by a first connection, refused later", (*TRUST, *PLACES, told(destination=OTHER), *REFUSED), W.PINNED),
    Row(
        "trust at a second place",
        (told(destination=OTHER), *TRUST, *trust(destination=THIRD), *PLACES, *REFUSED),
        W.PINNED,
        "third",
    ),
    Row(
        "trust by a resumed session is none",
        (
            passed(destination=OTHER),
            read(destination=OTHER, observation=requested(resumed=True)),
            told(C.UNTRUSTED_CA, destination=OTHER),
            *REFUSED,
        ),
        W.INCONCLUSIVE,
        "intercepted nowhere",
    ),
    Row(
        "trust under another condition is none",
        (
            passed(destination=OTHER),
            read(C.EXPIRED, destination=OTHER),
            told(C.UNTRUSTED_CA, destination=OTHER),
            *REFUSED,
        ),
        W.CA_UNTRUSTED,
    ),
    Row(
        "an open idle connection trusts nothing",
        (passed(destination=OTHER), held(destination=OTHER), *REFUSED),
        W.CA_UNTRUSTED,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_rule(row: Row) -> None:
    check(row)

"""A row of the tables of an audit's rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pindrill.audits.facts import AppRun, Contact, Destination
from pindrill.audits.showing import STAPLED
from pindrill.audits.verdict import AuditVerdict, judge
from pindrill.audits.words import AuditWord

from support.contacts import HOST, closed, in_order, passed, told

REFUSED = (passed(), told(), told())
CLOSING = (passed(), closed(), closed())
PLACES = tuple(told(each) for each in sorted(STAPLED))
"""The genuine certificates at every place of the list, refused."""


def two(make: Contact) -> tuple[Contact, Contact]:
    return make, make


def runs(*each: tuple[Contact, ...]) -> tuple[Contact, ...]:
    """Starts of the app, from 1."""
    return tuple(replace(one, run=number) for number, contacts in enumerate(each, start=1) for one in contacts)


@dataclass(frozen=True)
class Row:
    name: str
    contacts: tuple[Contact, ...]
    word: AuditWord
    reason: str = ""
    at: Destination = HOST
    starts: tuple[AppRun, ...] = ()
    stack: str | None = None


def verdict(row: Row) -> AuditVerdict:
    found = judge(in_order(*row.contacts), runs=row.starts)
    return next(each for each in found if each.destination == row.at)


def check(row: Row) -> None:
    found = verdict(row)
    assert found.word is row.word, found.reason
    assert row.reason in found.reason
    if row.stack is not None:
        assert found.stack == row.stack

"""Small factories for the contacts of an audit, over those for the facts of a connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pindrill.audits.facts import Condition, Contact, Destination
from pindrill.model import Observation

from support.facts import HELLO, alerted, finished, plaintext, requested, seen, shown

C = Condition
HOST = Destination("app.pin.test", 443)
OTHER = Destination("other.pin.test", 443)
THIRD = Destination("third.pin.test", 443)
STACK, SECOND = "t13d_first", "t13d_second"
SPAN = 100
"""Between the starts of two contacts, unless they say when; longer than a contact of `support.facts` lasts."""

RECORDS_13_DATA, RECORDS_13_IDLE = (53, 212), (53,)


def contact(
    condition: Condition | None,
    observation: Observation,
    *,
    run: int = 0,
    at: int | None = None,
    destination: Destination = HOST,
    stack: str = STACK,
    **facts: Any,
) -> Contact:
    hello = observation.hello and replace(observation.hello, stack=stack, sni=destination.host)
    return Contact(
        id=0,
        way="proxy",
        client="127.0.0.1",
        destination=destination,
        condition=condition,
        run=run,
        seen=moved(replace(observation, hello=hello), at or 0),
        **facts,
    )


def moved(observation: Observation, by: int) -> Observation:
    """The same connection, later."""
    times = ("accepted_at", "flight_made_at", "flight_sent_at", "finished_at", "first_data_at", "response_sent_at")
    return replace(
        observation,
        **{name: value + by for name in (*times, "ended_at") if (value := getattr(observation, name))},
        alerts=tuple(replace(alert, at=alert.at + by) for alert in observation.alerts),
    )


def in_order(*contacts: Contact) -> list[Contact]:
    """One after the other, each with a number; those that say when they came keep their time."""
    return [
        replace(each, id=place, seen=moved(each.seen, place * SPAN) if each.seen.accepted_at < SPAN else each.seen)
        for place, each in enumerate(contacts, start=1)
    ]


def passed(records: tuple[int, ...] = RECORDS_13_DATA, version: str = "TLSv1.3", **facts: Any) -> Contact:
    """Passed through; by default it carried data."""
    values = {"upstream_bytes": 5000, "passed_version": version, "passed_records": records, **facts}
    return contact(C.PASS_THROUGH, seen(hello=HELLO, ended="fin", ended_at=80), **values)


def idle(**facts: Any) -> Contact:
    return passed(RECORDS_13_IDLE, **facts)


def read(condition: Condition = C.TRUSTED_CA, observation: Observation | None = None, **facts: Any) -> Contact:
    values = {"answered_at": 0, "upstream_bytes": 500, **facts}
    return contact(condition, observation or requested(secrets=(), request_line="GET /x HTTP/1.1"), **values)


def leaked(condition: Condition = C.TRUSTED_CA, **facts: Any) -> Contact:
    """Its request was read, and it was gone before any answer."""
    return contact(condition, requested(secrets=(), response_sent_at=0), **facts)


def told(condition: Condition = C.TRUSTED_CA, number: int = 48, **facts: Any) -> Contact:
    """Refused with an alert."""
    return contact(condition, alerted(number), **facts)


def closed(condition: Condition = C.TRUSTED_CA, **facts: Any) -> Contact:
    """Handshake, no data, closed."""
    return contact(condition, finished(), **facts)


def vanished(condition: Condition = C.TRUSTED_CA, **facts: Any) -> Contact:
    """FIN without alert or Finished."""
    return contact(condition, shown(), **facts)


def held(condition: Condition = C.TRUSTED_CA, **facts: Any) -> Contact:
    """Handshake, no data, still open."""
    return contact(condition, finished(ended="open", ended_at=0), **facts)


def plain(destination: Destination = Destination(HOST.host, 80), **facts: Any) -> Contact:  # noqa: B008
    observation = plaintext(secrets=(), progress="headers", request_line="GET /x HTTP/1.1")
    return contact(None, observation, destination=destination, plaintext_forwarded=True, **facts)


def trust(stack: str = STACK, destination: Destination = OTHER, run: int = 0) -> tuple[Contact, ...]:
    """What shows that a stack trusts the test CA: read first under it, elsewhere, where an untrusted one is refused."""
    where: dict[str, Any] = {"stack": stack, "destination": destination, "run": run}
    return (passed(**where), read(**where), told(C.UNTRUSTED_CA, **where))

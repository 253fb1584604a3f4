"""The shapes of connections: which facts make which, and when an end proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pindrill.classify import REFUSALS, Shape, over_at, refusal_alert, shape, story
from pindrill.model import Observation
from support.facts import HELLO, alert, alerted, finished, plaintext, requested, seen, shown

OPEN: dict[str, Any] = {"ended": "open", "ended_at": 0}
TLS12: dict[str, Any] = {"tls_version": "TLSv1.2"}
TLS13: dict[str, Any] = {"tls_version": "TLSv1.3"}
RESUMED: dict[str, Any] = {"resumed": True, "resumed_from": "1.1", "resumed_connection": 1, "flight_made_at": 0}
AFTER = Shape.AFTER_HANDSHAKE

SHAPES = {
    "a request": (requested(), 0, Shape.DATA),
    "a request with an alert behind it": (requested(alerts=(alert(42),)), 0, Shape.DATA),
    "a request on a connection that is still open": (requested(ended="open", ended_at=0), 0, Shape.DATA),
    "a request after the ending began": (requested(), 1, Shape.DATA),
    "early data without Finished": (shown(data_bytes=10, early_data_bytes=10), 0, Shape.DATA),
    "plain text": (plaintext(), 0, Shape.PLAINTEXT),
    "plain text on a connection that is still open": (
        plaintext(ended="open", ended_at=0),
        0,
        Shape.PLAINTEXT,
    ),
    "no byte at all, FIN": (seen(ended="fin", ended_at=80), 0, Shape.NO_HELLO),
    "no byte at all, RST": (seen(ended="reset", ended_at=80), 0, Shape.NO_HELLO),
    "no byte at all, still open": (seen(), 0, Shape.OPEN),
    "hello, then open": (shown(ended="open", ended_at=0), 0, Shape.OPEN),
    "handshake, then open": (finished(ended="open", ended_at=0), 0, Shape.OPEN),
    "hello, ended before the flight was made": (
        seen(hello=HELLO, ended="fin", ended_at=25),
        0,
        Shape.BEFORE_FLIGHT,
    ),
    "hello, alert of the server instead of a flight": (
        seen(hello=HELLO, alerts=(alert(40, sent=True),), ended="fin", ended_at=80),
        0,
        Shape.BEFORE_FLIGHT,
    ),
    "alert of the client before the flight": (
        seen(hello=HELLO, alerts=(alert(70, at=25),), ended="fin", ended_at=80),
        0,
        Shape.BEFORE_FLIGHT,
    ),
    "flight made, never in the kernel": (shown(flight_sent_at=0), 0, Shape.BEFORE_FLIGHT),
    "flight in the kernel after the end": (shown(flight_sent_at=81, ended_at=80), 0, Shape.BEFORE_FLIGHT),
    "flight, alert, RST": (alerted(), 0, Shape.ALERT),
    "flight, alert, FIN": (alerted(ended="fin"), 0, Shape.ALERT),
    "flight, alert, the flight not known to be sent": (alerted(flight_sent_at=0), 0, Shape.ALERT),
    "flight, the server's alert, FIN": (shown(alerts=(alert(51, sent=True),)), 0, Shape.BROKEN_OFF),
    "handshake, the server's alert, FIN": (finished(alerts=(alert(20, sent=True, at=55),)), 0, Shape.BROKEN_OFF),
    "flight, an alert, then the server's": (shown(alerts=(alert(46), alert(10, sent=True))), 0, Shape.ALERT),
    "flight, close_notify, then the server's alert": (
        shown(alerts=(alert(0, level=1), alert(10, sent=True))),
        0,
        Shape.SILENT_FIN,
    ),
    "a secret in boilerplate": (finished(boilerplate_bytes=90, secrets=("pd7s00",)), 0, Shape.DATA),
    "a secret behind the TLS": (finished(plain_secrets=("pd7s00",)), 0, Shape.PLAINTEXT),
    "flight, FIN": (shown(), 0, Shape.SILENT_FIN),
    "resumed, alert": (alerted(**RESUMED), 0, Shape.ALERT),
    "resumed, FIN": (shown(**RESUMED), 0, Shape.SILENT_FIN),
    "resumed, RST": (shown(**RESUMED, ended="reset"), 0, Shape.SILENT_RESET),
    "resumed, handshake, FIN": (finished(**RESUMED), 0, Shape.AFTER_HANDSHAKE),
    "resumed, data": (requested(**RESUMED), 0, Shape.DATA),
    "resumed, our Finished not in the kernel": (shown(**RESUMED, flight_sent_at=0), 0, Shape.BEFORE_FLIGHT),
    "resumed, the server's alert, FIN": (shown(**RESUMED, alerts=(alert(51, sent=True),)), 0, Shape.BROKEN_OFF),
    "flight, RST": (shown(ended="reset"), 0, Shape.SILENT_RESET),
    "flight, close_notify, FIN": (shown(alerts=(alert(0, level=1),)), 0, Shape.SILENT_FIN),
    "flight, user_canceled, close_notify, FIN": (
        shown(alerts=(alert(90, level=1), alert(0, level=1))),
        0,
        Shape.SILENT_FIN,
    ),
    "flight, user_canceled, then a refusal": (
        shown(alerts=(alert(90, level=1), alert(46)), ended="reset"),
        0,
        Shape.ALERT,
    ),
    "handshake, FIN": (finished(), 0, Shape.AFTER_HANDSHAKE),
    "handshake, RST": (finished(ended="reset"), 0, Shape.AFTER_HANDSHAKE),
    "handshake, close_notify, FIN": (finished(close_notify=True), 0, Shape.AFTER_HANDSHAKE),
    "handshake, alert, FIN": (finished(alerts=(alert(42, at=55),)), 0, Shape.AFTER_HANDSHAKE),
    "handshake, boilerplate only, FIN": (
        finished(boilerplate_bytes=64, progress="boilerplate"),
        0,
        Shape.AFTER_HANDSHAKE,
    ),
    "silent end just before the ending": (shown(ended_at=79), 80, Shape.SILENT_FIN),
    "silent end at the moment of the ending": (shown(ended_at=80), 80, Shape.OPEN),
    "silent end after the ending": (shown(ended_at=90), 80, Shape.OPEN),
    "alert after the ending": (alerted(alerts=(alert(48, at=85),), ended_at=90), 80, Shape.OPEN),
    "alert before the ending, TCP ended by it": (alerted(ended_at=90), 80, Shape.ALERT),
    "flight, alert, still open": (alerted(**OPEN), 0, Shape.ALERT),
    "flight, alert, still open at the ending": (alerted(**OPEN), 80, Shape.ALERT),
    "flight, alert after the ending, still open": (alerted(**{"alerts": (alert(48, at=85),), **OPEN}), 80, Shape.OPEN),
    "flight, close_notify, still open": (shown(alerts=(alert(0, level=1),), **OPEN), 0, Shape.SILENT_FIN),
    "flight, close_notify, RST": (shown(alerts=(alert(0, level=1),), ended="reset"), 0, Shape.SILENT_FIN),
    "close_notify before the kernel had the flight": (
        shown(alerts=(alert(0, level=1, at=35),), **OPEN),
        0,
        Shape.BEFORE_FLIGHT,
    ),
    "handshake, close_notify, still open": (finished(alerts=(alert(0, level=1, at=55),), **OPEN), 0, AFTER),
    "handshake, alert, still open": (finished(alerts=(alert(42, at=55),), **OPEN), 0, AFTER),
    "handshake, close_notify after the ending, still open": (
        finished(alerts=(alert(0, level=1, at=85),), **OPEN),
        80,
        Shape.OPEN,
    ),
    "TLS 1.2, a warning, still open": (shown(alerts=(alert(46, level=1),), **TLS12, **OPEN), 0, Shape.OPEN),
    "TLS 1.2, user_canceled, still open": (shown(alerts=(alert(90, level=1),), **TLS12, **OPEN), 0, Shape.OPEN),
    "TLS 1.2, fatal user_canceled, still open": (shown(alerts=(alert(90),), **TLS12, **OPEN), 0, Shape.SILENT_FIN),
    "TLS 1.2, no_renegotiation, still open": (
        finished(alerts=(alert(100, level=1, at=55),), **TLS12, **OPEN),
        0,
        Shape.OPEN,
    ),
    "TLS 1.2, no_renegotiation, FIN": (shown(alerts=(alert(100, level=1),), **TLS12), 0, Shape.SILENT_FIN),
    "TLS 1.3, an error at the level of a warning, still open": (
        shown(alerts=(alert(46, level=1),), **TLS13, **OPEN),
        0,
        Shape.ALERT,
    ),
    "TLS 1.3, an unknown alert, still open": (shown(alerts=(alert(100, level=1),), **TLS13, **OPEN), 0, Shape.ALERT),
    "TLS 1.3, fatal user_canceled, still open": (shown(alerts=(alert(90),), **TLS13, **OPEN), 0, Shape.OPEN),
    "TLS 1.3, user_canceled, close_notify, still open": (
        shown(alerts=(alert(90, level=1), alert(0, level=1)), **TLS13, **OPEN),
        0,
        Shape.SILENT_FIN,
    ),
    "a warning, then the server gave up": (
        shown(alerts=(alert(90, level=1), alert(10, sent=True)), **TLS12),
        0,
        Shape.BROKEN_OFF,
    ),
    "alert, still open, then plain text": (alerted(plain_secrets=("pd7s00",), **OPEN), 0, Shape.PLAINTEXT),
    "alert, still open, then what nobody can read": (alerted(unread_bytes=90, **OPEN), 0, Shape.WENT_ON),
    "alert, then what nobody can read, FIN": (alerted(unread_bytes=90), 0, Shape.WENT_ON),
    "the server's alert, then what nobody reads": (
        shown(alerts=(alert(51, sent=True),), unread_bytes=90),
        0,
        Shape.BROKEN_OFF,
    ),
    "close_notify, still open, then data": (requested(alerts=(alert(0, level=1),), **OPEN), 0, Shape.DATA),
    "handshake, ended after the ending": (finished(ended_at=90), 80, Shape.OPEN),
    "no byte at all, ended after the ending": (seen(ended="fin", ended_at=90), 80, Shape.OPEN),
}


@pytest.mark.parametrize(("facts", "ending_at", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_shape(facts: Observation, ending_at: int, expected: Shape) -> None:
    assert shape(facts, ending_at) is expected


def test_every_shape_is_in_the_table() -> None:
    assert {expected for _, _, expected in SHAPES.values()} == set(Shape)


def test_only_what_follows_the_certificate_flight_is_a_refusal() -> None:
    assert {Shape.ALERT, Shape.SILENT_FIN, Shape.SILENT_RESET, Shape.AFTER_HANDSHAKE} == REFUSALS


@pytest.mark.parametrize(
    ("facts", "at"),
    [
        (shown(**OPEN), 0),
        (shown(), 80),
        (alerted(**OPEN), 45),
        (alerted(), 45),
        (shown(alerts=(alert(48, sent=True),)), 80),
        (requested(alerts=(alert(0, level=1, at=90),), ended_at=95), 90),
    ],
)
def test_what_comes_first_ends_a_connection(facts: Observation, at: int) -> None:
    assert over_at(facts) == at


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        (shown(), None),
        (alerted(48), 48),
        (shown(alerts=(alert(48, sent=True),)), None),
        (shown(alerts=(alert(0), alert(90))), None),
        (shown(alerts=(alert(90), alert(46), alert(0))), 46),
        (shown(alerts=(alert(51, sent=True), alert(42))), 42),
    ],
    ids=["none", "one", "the server's", "closure only", "the refusal among closures", "both sides'"],
)
def test_the_alert_of_a_refusal_is_the_clients_and_no_closure(facts: Observation, number: int | None) -> None:
    assert refusal_alert(facts) == number


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (requested(), "sent 100 readable bytes, the request secret among it (GET /<secret> HTTP/1.1)"),
        (requested(secrets=(), request_line=""), "sent 100 readable bytes"),
        (
            requested(early_data_bytes=7, secrets=(), request_line=""),
            "sent 100 readable bytes, 7 of them as early data",
        ),
        (plaintext(request_line=""), "sent 40 bytes in plain text"),
        (alerted(46), "refused with alert 46"),
        (alerted(46, **OPEN), "refused with alert 46"),
        (shown(alerts=(alert(0, level=1),), **OPEN), "closed without alert or Finished but close_notify"),
        (finished(close_notify=True), "completed the handshake and closed without data (close_notify)"),
        (finished(ended="reset"), "completed the handshake and closed without data (RST)"),
        (finished(alerts=(alert(42),)), "completed the handshake and closed without data (alert 42)"),
        (
            finished(boilerplate_bytes=64),
            "completed the handshake and closed without data (FIN, after 64 bytes of protocol boilerplate)",
        ),
        (
            seen(hello=HELLO, failure="no shared cipher", ended="fin", ended_at=80),
            "ended before it was shown the certificate (no shared cipher)",
        ),
    ],
)
def test_story(facts: Observation, expected: str) -> None:
    assert story(facts) == expected

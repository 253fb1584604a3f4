"""Small factories for the facts of a connection. Times are small integers: only their order matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pindrill import _core
from pindrill.model import Alert, ClientHello, ClientReport, Observation, Said, Stray

_QUIET: dict[str, Any] = {
    **{"bool": False, "octet": 0, "count": 0, "nanoseconds": 0},
    **{"text": "", "texts": (), "code points": (), "ClientHello": None, "Alerts": ()},
}


def quiet(kind: type[Any]) -> dict[str, Any]:
    """The facts of a record of which nothing happened; of an enumeration the first word."""
    rows = _core.facts()[kind.__name__]
    return {row["name"]: row["type"][0] if isinstance(row["type"], list) else _QUIET[row["type"]] for row in rows}


HELLO = ClientHello(
    **{
        **quiet(ClientHello),
        **{"sni": "app.pin.test", "alpn": ("http/1.1",), "versions": (772, 771), "groups": (29,)},
        **{"signature_algorithms": (1027,), "at": 20},
    }
)
ACCEPTED_AT, FLIGHT_MADE, FLIGHT_SENT, FINISHED, DATA_AT, ANSWERED, ENDED = 10, 30, 40, 50, 60, 70, 80

_BARE = Observation(**{**quiet(Observation), "number": 1, "credential": "1.1", "accepted_at": ACCEPTED_AT})
_SHOWN = replace(
    _BARE, hello=HELLO, flight_made_at=FLIGHT_MADE, flight_sent_at=FLIGHT_SENT, ended="fin", ended_at=ENDED
)
_FINISHED = replace(_SHOWN, finished_at=FINISHED)
_REQUESTED = replace(
    _FINISHED,
    data_bytes=100,
    first_data_at=DATA_AT,
    secrets=("pd7s00",),
    request_line="GET /<secret> HTTP/1.1",
    response_sent_at=ANSWERED,
    progress="headers",
)
_PLAINTEXT = replace(
    _BARE,
    plaintext=True,
    data_bytes=40,
    secrets=("pd7s00",),
    request_line="GET /<secret> HTTP/1.1",
    ended="fin",
    ended_at=ENDED,
)


def seen(**facts: Any) -> Observation:
    """Any connection; by default it was accepted and nothing else."""
    return replace(_BARE, **facts)


def shown(**facts: Any) -> Observation:
    """A client that said hello and was shown the certificate; it ended with FIN and said nothing more."""
    return replace(_SHOWN, **facts)


def alerted(number: int = 48, **facts: Any) -> Observation:
    """Shown the certificate, a fatal alert, RST."""
    return replace(_SHOWN, **{"alerts": (alert(number),), "ended": "reset", **facts})


def finished(**facts: Any) -> Observation:
    """A completed handshake without data."""
    return replace(_FINISHED, **facts)


def requested(**facts: Any) -> Observation:
    """A completed handshake, a request in readable bytes, and an answer that was delivered."""
    return replace(_REQUESTED, **facts)


def plaintext(**facts: Any) -> Observation:
    """A request without TLS."""
    return replace(_PLAINTEXT, **facts)


def alert(number: int, *, sent: bool = False, level: int = 2, at: int = 45) -> Alert:
    return Alert(sent=sent, level=level, number=number, encrypted=False, at=at)


def said(word: Said = Said.REFUSED, **facts: Any) -> ClientReport:
    return replace(ClientReport(said=word), **facts)


def stray() -> Stray:
    """The request secret in plain text on another port."""
    return Stray(where="port 80 of app.pin.test", observation=plaintext())

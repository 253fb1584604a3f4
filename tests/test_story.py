"""The time line of a report has an event for whatever decides a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from pindrill.reports.story import Event, tell
from support.made_results import line, observation, report, stage

QUIET: dict[str, Any] = {"data_bytes": 0, "first_data_at": 0, "response_sent_at": 0, "secrets": [], "request_line": ""}


def events(**facts: Any) -> tuple[Event, ...]:
    run = {"report": report(said="refused"), "observations": [observation(**{**QUIET, **facts})], "strays": []}
    [only] = tell(line("downgrade", stages=[stage(runs=[run])])).stages
    return only.attempts[0].events


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"plain_secrets": ["pd7s00"]}, "sends the request secret in plain text on the socket of its TLS connection"),
        ({"unread_bytes": 90}, "sends 90 bytes after the alert that ended its TLS connection: nobody could read them"),
        ({"data_bytes": 91, "secrets": ["pd7s00"]}, "sends readable data, 91 bytes, the request secret among it"),
        ({"client_certificate": True}, "has sent its client certificate"),
    ],
)
def test_what_is_given_away_is_bad(facts: dict[str, Any], text: str) -> None:
    [told] = [each for each in events(**facts) if each.tone == "bad" and each.connection]
    assert told.text == text


def test_close_notify_without_an_end_of_the_socket_is_told() -> None:
    alert = {"sent": False, "level": 1, "number": 0, "encrypted": True, "at": 5_000_000}
    texts = [each.text for each in events(alerts=[alert], ended="open", ended_at=0)]
    assert "sends alert 0 (close_notify)" in texts


def test_results_of_earlier_versions_have_a_story() -> None:
    assert not [each for each in events() if each.tone == "bad" and each.connection]

"""What a run comes to and what a cell's story says: the pure parts of the reports."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pindrill.model import PRECEDENCE, VerdictWord
from pindrill.reports.overview import overview
from pindrill.reports.story import ALERTS, Event, tell
from pindrill.reports.words import ADVICE, MARK, MEANING
from pindrill.results.line import ResultLine
from support.made_results import (
    HOSTILE,
    OTHER_SPKI,
    SPKI,
    certificate,
    hostile_line,
    known,
    line,
    observation,
    report,
    stage,
)


def test_every_verdict_has_words() -> None:
    assert set(MARK) == set(MEANING) == set(ADVICE) == set(VerdictWord)


@pytest.mark.parametrize(
    ("lines", "state", "says"),
    [
        ([], "empty", "Nothing was run"),
        ([line("pass")], "held", "Held: every judged cell did what a correct client does"),
        ([line("pass"), line("fail-open")], "broken", "Not safe: 1 of 1 client lets data out"),
        ([line("leaked"), line("outage", client="b")], "broken", "Not safe: 1 of 2 clients lets data out"),
        ([line("false-success")], "broken", "Not safe: 1 of 1 client reports success after a refusal"),
        ([line("outage-deferred")], "broken", "Not ready: 1 of 1 client refuses a server that must be accepted"),
        ([line("pass"), line("inconclusive")], "unclear", "Unclear: no violation was seen, but not everything"),
        ([line("error")], "unclear", "Unclear: nothing could be judged"),
        ([line("unsupported"), line("reported")], "unclear", "Unclear: nothing could be judged"),
        ([line("pass"), line("fail-open", known=known())], "known", "As expected: nothing but known deviations"),
        ([line("inconclusive"), line("fail-open")], "broken", "Not safe"),
    ],
)
def test_the_answer_to_is_it_safe(lines: Sequence[ResultLine], state: str, says: str) -> None:
    whole = overview(lines)
    assert whole.state == state
    assert whole.headline.startswith(says)


@pytest.mark.parametrize("word", PRECEDENCE)
def test_only_judged_and_unblemished_runs_are_called_held(word: VerdictWord) -> None:
    assert (overview([line("pass"), line(word)]).state == "held") == (word in ("pass", "reported", "unsupported"))


def test_cells_that_differ_by_version_are_one_problem() -> None:
    cells = [line("leaked", tls="1.2"), line("leaked", tls="1.3"), line("fail-open", tls="1.3", client="b")]
    whole = overview(cells)
    assert [(each.verdict, each.client, each.versions, each.cells) for each in whole.problems] == [
        ("fail-open", "b", ["1.3"], 1),
        ("leaked", "app", ["1.2", "1.3"], 2),
    ]
    assert whole.sentence == "2 clients, 1 scenario, 3 cells: 1 fail-open, 2 leaked."


# --- the story -------------------------------------------------------------------------------------------------


def events(**fields: object) -> list[Event]:
    """Of a stage with one attempt that is like this."""
    return list(tell(line(stages=[stage(**fields)])).stages[0].attempts[0].events)


def test_the_time_line_is_in_order_and_counts_from_the_first_connection() -> None:
    [connects, hello, flight, done, data, answer, closed, said] = events()
    assert [each.ms for each in (connects, hello, flight, done, data, answer, closed, said)] == [
        *(0.0, 1.0, 2.5, 3.0, 4.0, 5.0, 6.0),
        None,
    ]
    assert hello.text == "ClientHello: asks for app.pin.test; offers TLS 1.3, TLS 1.2, ALPN http/1.1"
    assert data.text == "sends readable data, 91 bytes, the request secret among it: GET /<secret> HTTP/1.1"
    assert said.text == "reports: accepted, exit code 0; the text of the answer came out of it"
    assert {each.tone for each in (connects, hello, flight, done, answer, closed)} == {""}


@pytest.mark.parametrize(("expected", "tone"), [("accept", "good"), ("refuse", "bad"), ("report", "")])
def test_data_is_good_where_it_must_be_accepted_and_bad_where_not(expected: str, tone: str) -> None:
    found = events(expected=expected)
    assert [each.tone for each in found if "readable data" in each.text or "reports" in each.text] == [tone, tone]


def test_a_refusal_with_an_alert() -> None:
    alert = {"sent": False, "level": 2, "number": 48, "encrypted": False, "at": 3_900_000}
    seen = observation(finished_at=0, data_bytes=0, first_data_at=0, response_sent_at=0, alerts=[alert])
    found = events(runs=[{"report": report(said="refused", canary_out=False), "observations": [seen], "strays": []}])
    assert "sends alert 48 (unknown_ca)" in [each.text for each in found]
    assert not [each for each in found if "handshake" in each.text or "data" in each.text]
    assert found[-1].tone == "good"
    assert ALERTS[48] == "unknown_ca"


def test_what_did_not_happen_is_not_told() -> None:
    run = {
        "report": report(said="timeout", canary_out=False, ending_at=9, exit_code=None),
        "observations": [],
        "strays": [],
    }
    assert [each.text for each in events(runs=[run])] == [
        "no connection was made to the server",
        "the harness began to end the client; from here on no end of a connection counts",
        "did not end by itself before the deadline",
    ]


def test_a_secret_elsewhere_is_told() -> None:
    stray = {"where": "port 80", "observation": observation(first_data_at=5_500_000)}
    found = events(runs=[{"report": report(), "observations": [observation()], "strays": [stray]}])
    [elsewhere] = [each for each in found if "elsewhere" in each.text]
    assert (elsewhere.tone, elsewhere.ms) == ("bad", 4.5)
    assert "port 80" in elsewhere.text


def test_the_chain_says_what_follows_and_what_is_pinned() -> None:
    served = [
        certificate(issuer="TEST Intermediate", pinned=False),
        certificate(subject="TEST Intermediate", issuer="TEST Root", spki_sha256=OTHER_SPKI, pinned=False),
        certificate(subject="other", issuer="other"),
    ]
    [told] = tell(line(stages=[stage(served=served, pins=[SPKI, "nonsense"])])).stages
    assert [each.follows for each in told.chain] == [True, True, False]
    assert [each.names_itself for each in told.chain] == [False, False, True]
    assert told.pins is not None
    assert [(each.value, each.matches) for each in told.pins] == [(SPKI, (1, 3)), ("nonsense", ())]
    assert told.chain[0].until == "2027-01-15 08:00Z"


@pytest.mark.parametrize(
    ("control", "attribution", "says", "silent_on"),
    [
        ({"genuine": "accepted", "pin": "accepted"}, "pin", "the pin's doing", "another reason"),
        ({"genuine": "accepted", "pin": "refused"}, "other", "another reason", "the pin's doing"),
        ({"genuine": "refused", "pin": "absent"}, "unknown", "prove nothing", "the pin's doing"),
        ({"genuine": "accepted", "pin": "absent"}, "unknown", "a refusal counts", "the pin's doing"),
    ],
)
def test_the_twins_are_told(control: dict[str, str], attribution: str, says: str, silent_on: str) -> None:
    why = " ".join(tell(line(control=control, attribution=attribution)).why)
    assert says in why
    assert silent_on not in why


def test_control_characters_do_not_pass() -> None:
    text = repr(tell(hostile_line()))
    assert "\\x1b" not in text
    assert "\\u202e" not in text
    assert "onerror" in text
    assert HOSTILE not in text
    assert "a time beyond all calendars" in text

"""The truth rules, row by row: each row is named by its rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from pindrill.judge import Control, Controls, Finding, StageFacts, judge_stage, vacuous
from pindrill.model import ClientReport, Expect, Observation, Said, Stray, VerdictWord
from support.facts import HELLO, alert, alerted, finished, plaintext, requested, said, seen, shown, stray

V = VerdictWord
ABSENT = Control.ABSENT
ACCEPTED = said(Said.ACCEPTED)
REFUSED = said(Said.REFUSED, detail="exit 60")
SILENT = said(Said.SILENT)
DIED = said(Said.DIED, detail="by SIGSEGV")
TIMEOUT = said(Said.TIMEOUT, ending_at=100)
FAILED = said(Said.ERROR)
CANARY = said(Said.ACCEPTED, canary_out=True)

OPEN = shown(ended="open", ended_at=0)
RESET = shown(ended="reset")
LATE = shown(ended_at=110)
NO_HELLO = seen(ended="fin", ended_at=80)
GARBAGE = plaintext(secrets=(), request_line="")
NO_SECRET = plaintext(secrets=(), progress="headers")
LONG = 10**9
NO_FLIGHT = seen(hello=HELLO, ended="fin", ended_at=25)
NO_ALGORITHM = seen(hello=HELLO, alerts=(alert(40, sent=True),), ended="fin", ended_at=80)
IN_BOILERPLATE = finished(boilerplate_bytes=64, secrets=("pd7s00",))
EARLY = shown(data_bytes=9, early_data_bytes=9, alerts=(alert(48),))
CERTIFIED = finished(client_certificate=True)
AGAIN: dict[str, Any] = {"resumed": True, "resumed_from": "1.1", "resumed_connection": 1, "flight_made_at": 0}
RESUMED = requested(**AGAIN)
ALERT_OPEN = alerted(ended="open", ended_at=0)
LATE_ALERT = alerted(alerts=(alert(48, at=105),), ended="open", ended_at=0)
CLOSED_OPEN = finished(close_notify=True, alerts=(alert(0, level=1, at=55),), ended="open", ended_at=0)
LEFT_OPEN = shown(close_notify=True, alerts=(alert(0, level=1),), ended="open", ended_at=0)
H2_ONLY = finished(hello=replace(HELLO, alpn=("h2",)))


@dataclass(frozen=True)
class Row:
    expected: Expect
    name: str
    connections: Observation | tuple[Observation, ...]
    verdict: VerdictWord
    reason: str = ""
    report: ClientReport = REFUSED
    strays: tuple[Stray, ...] = ()
    genuine: Control = Control.ACCEPTED
    pin: Control = Control.ACCEPTED
    attribution: str | None = None
    repeat: bool = False
    pins_known: bool = True
    anew: Expect | None = None
    pinned: bool = True

    @property
    def facts(self) -> StageFacts:
        connections = self.connections if isinstance(self.connections, tuple) else (self.connections,)
        return StageFacts(
            expected=self.expected,
            seen=connections,
            report=self.report,
            strays=self.strays,
            pins_known=self.pins_known,
            anew=self.anew,
            pinned=self.pinned,
        )


refuse = partial(Row, Expect.REFUSE)
accept = partial(Row, Expect.ACCEPT)
policy = partial(Row, Expect.REPORT)
malformed = partial(Row, Expect.CONFIG_ERROR_OR_REFUSE)
stolen = partial(Row, Expect.REPORT, anew=Expect.REFUSE)

ROWS = (
    refuse("T1 data without the secret leaks", requested(secrets=()), V.LEAKED, "readable"),
    refuse("T1 data of an unknown protocol leaks", requested(request_line="", secrets=()), V.LEAKED),
    refuse("T1 the secret is named", requested(), V.LEAKED, "the request secret among it"),
    refuse("T1 boilerplate is no leak", finished(boilerplate_bytes=64), V.PASS, "boilerplate"),
    refuse("T1 one leak among refusals", (requested(), alerted(accepted_at=90)), V.LEAKED),
    accept("T1 data to a must-accept credential is no leak", requested(), V.PASS, report=ACCEPTED),
    policy("T1 data where it is policy is no leak", requested(), V.REPORTED, "GET /<secret>"),
    malformed("T1 data in spite of a malformed set leaks", requested(), V.LEAKED),
    refuse("T2 handshake, FIN", finished(), V.PASS, "completed the handshake and closed"),
    refuse("T2 handshake, RST", finished(ended="reset"), V.PASS, "RST", attribution="pin"),
    refuse("T2 handshake, close_notify, nothing said", finished(close_notify=True), V.PASS, report=SILENT),
    refuse("T3 silent FIN counts if it happens twice", shown(), V.PASS, "closed without", repeat=True),
    refuse("T3 silent FIN, nothing said", shown(), V.PASS, report=SILENT, repeat=True),
    refuse("T3 silent RST and the client's refusal", RESET, V.PASS, "reset without", repeat=True),
    refuse("T3 silent RST, nothing said", RESET, V.INCONCLUSIVE, "reset before Finished", report=SILENT),
    refuse("T3 silent RST, says accepted", RESET, V.INCONCLUSIVE, "reset", report=ACCEPTED),
    refuse("T3 ended before the flight", NO_FLIGHT, V.INCONCLUSIVE, "never refused"),
    refuse("T3 ended before the kernel had the flight", shown(flight_sent_at=0), V.INCONCLUSIVE),
    refuse("T3 one silent FIN, one alert", (shown(), alerted()), V.PASS, repeat=True),
    accept("T3 silent FIN of a must-accept", shown(), V.OUTAGE, repeat=True),
    refuse("T4 fatal alert before Finished", alerted(48), V.PASS, "alert 48", attribution="pin"),
    refuse("T4 the number is no reason", alerted(80), V.PASS, "alert 80", attribution="pin"),
    refuse("T4 the server's alert is none", shown(alerts=(alert(51, sent=True),)), V.INCONCLUSIVE, "broke off"),
    refuse("T1 the secret in boilerplate leaks", IN_BOILERPLATE, V.LEAKED, "64 readable bytes, the request secret"),
    refuse("T9 plain text behind a refusal", finished(plain_secrets=("pd7s00",)), V.DOWNGRADE, "on the socket of"),
    accept("T9 plain text behind a request", requested(plain_secrets=("x",)), V.DOWNGRADE, report=ACCEPTED),
    refuse("T4 closures are none", shown(alerts=(alert(90), alert(0))), V.PASS, repeat=True),
    refuse("T5 died", shown(), V.INCONCLUSIVE, "a dead client refuses nothing", report=DIED),
    refuse("T5 died after an alert", alerted(), V.INCONCLUSIVE, "SIGSEGV", report=DIED),
    refuse("T5 cannot run", (), V.INCONCLUSIVE, "could not be run", report=said(Said.CANNOT_RUN)),
    refuse("T5 died, but leaked before", requested(), V.LEAKED, report=DIED),
    refuse("T5 ended by the harness", LATE, V.INCONCLUSIVE, "open at the deadline", report=TIMEOUT),
    refuse("T5 bytes count after the ending", requested(ended_at=110), V.LEAKED, report=TIMEOUT),
    refuse("T5 descendants were ended", LATE, V.INCONCLUSIVE, report=said(ending_at=100)),
    malformed("T5 died before it connected", (), V.INCONCLUSIVE, "died", report=DIED),
    accept("T5 died before its answer", requested(response_sent_at=0), V.INCONCLUSIVE, report=DIED),
    refuse("T6 data, then a clean failure", requested(), V.LEAKED, "although it reported a refusal"),
    refuse("T6 data, then silence", requested(), V.LEAKED, report=SILENT),
    refuse("T6 data, then no end", requested(), V.LEAKED, report=TIMEOUT),
    refuse("T7 data, says accepted", requested(), V.FAIL_OPEN, "took the answer", report=ACCEPTED),
    refuse("T7 data, canary out", requested(), V.FAIL_OPEN, "took", report=said(canary_out=True)),
    refuse("T7 canary out, then died", requested(), V.FAIL_OPEN, report=said(Said.DIED, canary_out=True)),
    refuse("T8 early data", EARLY, V.EARLY_DATA_LEAK, "9 bytes of early data"),
    refuse("T8 client certificate", CERTIFIED, V.CLIENT_AUTH_LEAK, "certificate went to the rogue"),
    accept("T8 genuine server", requested(client_certificate=True), V.PASS, report=ACCEPTED),
    refuse("T9 the secret elsewhere", alerted(), V.DOWNGRADE, "port 80", strays=(stray(),)),
    accept("T9 the secret elsewhere", requested(), V.DOWNGRADE, report=ACCEPTED, strays=(stray(),)),
    policy("T9 the secret elsewhere", alerted(), V.DOWNGRADE, strays=(stray(),)),
    refuse("T9 plain text to the TLS port", (alerted(), plaintext()), V.DOWNGRADE, "in plain text"),
    refuse("T9 bytes that are no TLS and no secret", GARBAGE, V.INCONCLUSIVE, "neither TLS nor a request"),
    refuse("T9 such bytes beside a refusal", (alerted(), GARBAGE), V.INCONCLUSIVE, "what they gave away"),
    refuse("T9 bytes that are no request", (alerted(), plaintext(progress="other", secrets=())), V.INCONCLUSIVE),
    refuse("T9 a request without the secret", (alerted(), NO_SECRET), V.DOWNGRADE),
    accept("T9 a request without the secret", (NO_SECRET, requested()), V.PASS, report=ACCEPTED),
    refuse("T9 an idle connection was open beside it", (finished(ended_at=LONG), requested(accepted_at=90)), V.LEAKED),
    refuse("T9 a retry leaks", (alerted(), requested(accepted_at=90)), V.DOWNGRADE, "on a retry"),
    refuse("T10 alert, yet success", alerted(), V.FALSE_SUCCESS, "reports success", report=ACCEPTED),
    refuse("T10 closed after the handshake, yet success", finished(), V.FALSE_SUCCESS, report=ACCEPTED),
    accept("T10 refused a must-accept, yet success", alerted(), V.FALSE_SUCCESS, report=ACCEPTED),
    refuse("T11 open at the deadline", OPEN, V.INCONCLUSIVE, "a timeout is no refusal", report=TIMEOUT),
    refuse("T11 one refusal, one open", (alerted(), OPEN), V.INCONCLUSIVE, "still open"),
    refuse("T4 an alert, TCP left open", ALERT_OPEN, V.PASS, "alert 48", attribution="pin"),
    refuse("T4 an alert, TCP left open, nothing said", ALERT_OPEN, V.PASS, report=SILENT),
    refuse("T4 an alert, then neither TCP nor client ended", ALERT_OPEN, V.PASS, "alert 48", report=TIMEOUT),
    refuse("T4 an alert, TCP left open, says accepted", ALERT_OPEN, V.FALSE_SUCCESS, report=ACCEPTED),
    refuse("T4 an alert, TCP left open, then died", ALERT_OPEN, V.INCONCLUSIVE, "dead client", report=DIED),
    refuse("T4 more after the alert", replace(ALERT_OPEN, unread_bytes=90), V.INCONCLUSIVE, "could not be read"),
    refuse("T9 plain text after the alert", replace(ALERT_OPEN, plain_secrets=("x",)), V.DOWNGRADE, "on the socket"),
    refuse("T9 a retry beside a socket left open", (ALERT_OPEN, requested(accepted_at=90)), V.DOWNGRADE, "on a retry"),
    refuse("T9 an idle one left open is no retry", (OPEN, requested(accepted_at=90)), V.LEAKED),
    refuse("T4 an alert only when it was being ended", LATE_ALERT, V.INCONCLUSIVE, "still open", report=TIMEOUT),
    refuse("T2 close_notify, TCP left open", CLOSED_OPEN, V.PASS, "close_notify"),
    refuse("T2 close_notify, then no end", CLOSED_OPEN, V.PASS, "close_notify", report=TIMEOUT),
    refuse("T3 close_notify before Finished, TCP left open", LEFT_OPEN, V.PASS, "close_notify", repeat=True),
    refuse("T3 the same, genuine refused", LEFT_OPEN, V.INCONCLUSIVE, genuine=Control.REFUSED),
    accept("T14 an alert, TCP left open", ALERT_OPEN, V.OUTAGE, "alert 48"),
    accept("T14 an alert, then neither ended", ALERT_OPEN, V.OUTAGE, "alert 48", report=TIMEOUT),
    accept("T14 more after the alert", replace(ALERT_OPEN, unread_bytes=90), V.INCONCLUSIVE, "no evidence"),
    refuse("T11 refused without a word, never ended", finished(), V.INCONCLUSIVE, "had not ended", report=TIMEOUT),
    refuse("T11 one word, one silence, never ended", (alerted(), shown()), V.INCONCLUSIVE, report=TIMEOUT),
    refuse("T11 no connection, says refused", (), V.INCONCLUSIVE, "did not connect"),
    refuse("T11 no connection, says accepted", (), V.INCONCLUSIVE, "did not connect", report=ACCEPTED),
    refuse("T11 no ClientHello", NO_HELLO, V.INCONCLUSIVE, "sent no ClientHello"),
    malformed("T11 configuration error", (), V.PASS, "refused its configuration", attribution="pin"),
    malformed("T11 not said", (), V.INCONCLUSIVE, "did not connect", report=ACCEPTED),
    malformed("T11 nothing said", (), V.INCONCLUSIVE, "did not connect", report=SILENT),
    malformed("T11 no genuine twin", (), V.INCONCLUSIVE, "genuine twin", genuine=Control.REFUSED),
    malformed("T11 refused on the wire", alerted(), V.PASS, "failed closed"),
    refuse("T12 genuine refused", alerted(), V.INCONCLUSIVE, "genuine twin", genuine=Control.REFUSED),
    refuse("T12 genuine unclear", finished(), V.INCONCLUSIVE, genuine=Control.INCONCLUSIVE),
    refuse("T12 no genuine twin", alerted(), V.INCONCLUSIVE, genuine=Control.ABSENT),
    refuse("T12 pin twin accepted", alerted(), V.PASS, pin=Control.ACCEPTED, attribution="pin"),
    refuse("T12 pin twin refused", alerted(), V.PASS, pin=Control.REFUSED, attribution="other"),
    refuse("T12 pin twin unclear", alerted(), V.PASS, pin=Control.INCONCLUSIVE, attribution="unknown"),
    refuse("T12 no pin twin", alerted(), V.PASS, pin=Control.ABSENT, attribution="unknown"),
    refuse("T12 leaks need no control", requested(), V.LEAKED, genuine=Control.ABSENT),
    refuse("T13 data on a resumed connection", RESUMED, V.FAIL_OPEN, "resumed from connection 1, to", report=ACCEPTED),
    refuse("T13 the road is told", RESUMED, V.FAIL_OPEN, "without a new check", report=CANARY),
    refuse("T13 refused too late", RESUMED, V.LEAKED, "resumed from connection 1, to a server"),
    refuse("T13 refused with an alert", alerted(**AGAIN), V.PASS, "alert 48, on the session resumed from connection 1"),
    refuse("T13 refused silently", shown(**AGAIN), V.PASS, repeat=True),
    refuse("T13 ended before it could resume", shown(**AGAIN, flight_sent_at=0), V.INCONCLUSIVE),
    stolen("T13 by a stolen ticket key", RESUMED, V.REPORTED, "ticket key needs no certificate", report=ACCEPTED),
    stolen("T13 a stolen key does not help", alerted(**AGAIN), V.REPORTED, "not judged: failed closed"),
    stolen("T13 a full handshake instead", requested(), V.FAIL_OPEN, "must refuse, and took", report=ACCEPTED),
    stolen("T13 both", (RESUMED, requested()), V.FAIL_OPEN, report=ACCEPTED),
    stolen("T13 a full handshake refused", alerted(), V.REPORTED, "not judged: failed closed"),
    accept("T13 a resumed one is accepted", RESUMED, V.PASS, "resumed from connection 1", report=CANARY),
    accept("T13 a resumed one is refused", finished(**AGAIN), V.OUTAGE, "taken back to a session of a server"),
    accept("T13 a ticket still works", (RESUMED, alerted()), V.OUTAGE_DEFERRED, "resumed", report=CANARY),
    accept("T13 a full handshake as well", (RESUMED, requested()), V.PASS, report=CANARY),
    accept("T14 canary out", requested(), V.PASS, report=CANARY),
    accept("T14 says accepted, answer delivered", requested(), V.PASS, report=ACCEPTED),
    accept("T14 nothing said, answer delivered", requested(), V.PASS, "ignored", report=SILENT),
    accept("T14 not delivered", requested(response_sent_at=0), V.INCONCLUSIVE, "no whole answer", report=ACCEPTED),
    accept("T14 refused with an alert", alerted(), V.OUTAGE, "alert 48"),
    accept("T14 refused after the handshake", finished(), V.OUTAGE),
    accept("T14 refused after its request", requested(), V.OUTAGE),
    accept(
        "T14 took the certificate, not the answer", requested(), V.INCONCLUSIVE, "--respond", genuine=Control.ABSENT
    ),
    accept(
        "T14 refused once, its request another time",
        (alerted(), requested(accepted_at=90)),
        V.OUTAGE,
        genuine=Control.ABSENT,
    ),
    accept("T14 an idle connection beside it", (requested(), finished(accepted_at=90)), V.INCONCLUSIVE, genuine=ABSENT),
    accept("T14 made no request", finished(), V.INCONCLUSIVE, "made no request", report=ACCEPTED),
    accept("T14 speaks no protocol of ours", H2_ONLY, V.INCONCLUSIVE, "speaks only h2"),
    accept("T14 pins that nobody told of", alerted(), V.INCONCLUSIVE, "--pinned", pins_known=False),
    accept(
        "T14 such pins, the answer disliked", requested(), V.INCONCLUSIVE, "--respond", genuine=ABSENT, pins_known=False
    ),
    accept("T14 such pins, still open", OPEN, V.INCONCLUSIVE, "no evidence", pins_known=False),
    accept("T10 such pins, yet success", alerted(), V.FALSE_SUCCESS, report=ACCEPTED, pins_known=False),
    accept("T14 silent RST, nothing said", RESET, V.INCONCLUSIVE, "reset before Finished", report=SILENT),
    accept("T14 silent RST and the client's refusal", RESET, V.OUTAGE, repeat=True),
    accept("T14 does not do without pins", alerted(), V.UNSUPPORTED, "no request without pins", pinned=False),
    accept("T14 does without pins", requested(), V.PASS, report=CANARY, pinned=False),
    accept("T14 no connection", (), V.INCONCLUSIVE, "did not connect"),
    accept("T14 no common algorithm", NO_ALGORITHM, V.INCONCLUSIVE, "no evidence"),
    accept("T14 timeout", OPEN, V.INCONCLUSIVE, report=TIMEOUT),
    accept("T14 no ClientHello", NO_HELLO, V.INCONCLUSIVE),
    accept("T14 one refusal, one open", (alerted(), OPEN), V.INCONCLUSIVE, "no evidence"),
    policy("T15 an expired set lets it through", requested(), V.REPORTED, report=ACCEPTED),
    policy("T15 an expired set refuses all the same", alerted(), V.REPORTED, "failed closed"),
    policy("T15 a configuration error is told", (), V.REPORTED, "refused its configuration"),
    policy("T15 nothing seen, nothing said", (), V.INCONCLUSIVE, "did not connect", report=SILENT),
    refuse("T15 an expired set, untrusted chain", requested(), V.FAIL_OPEN, report=ACCEPTED),
    refuse("T16 fail open before early data", requested(early_data_bytes=5), V.FAIL_OPEN, report=CANARY),
    refuse("T16 early data before client auth", (CERTIFIED, EARLY), V.EARLY_DATA_LEAK),
    refuse("T16 client auth before downgrade", CERTIFIED, V.CLIENT_AUTH_LEAK, strays=(stray(),)),
    refuse("T16 downgrade before leaked", requested(), V.DOWNGRADE, strays=(stray(),)),
    refuse("T16 leaked before error", requested(), V.LEAKED, report=FAILED),
    refuse("T16 error before anything milder", alerted(), V.ERROR, report=FAILED),
    refuse("T16 inconclusive before false success", (alerted(), OPEN), V.INCONCLUSIVE, report=ACCEPTED),
    refuse("T16 unsupported", (), V.UNSUPPORTED, "no hex", report=said(Said.UNSUPPORTED, detail="no hex")),
)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.name} ({row.expected})" for row in ROWS])
def test_rule(row: Row) -> None:
    finding = judge_stage(row.facts, Controls(genuine=row.genuine, pin=row.pin))
    assert finding.verdict is row.verdict, finding.reason
    assert row.reason in finding.reason
    assert finding.needs_repeat is row.repeat
    if row.attribution is not None:
        assert finding.attribution == row.attribution


def test_every_rule_has_a_row() -> None:
    assert {row.name.split()[0] for row in ROWS} == {f"T{number}" for number in range(1, 17)}


TRIED = {
    "resumed": (finished(**AGAIN),),
    "declined": (alerted(ticket_declined=True),),
    "declined, on one of two": (alerted(), alerted(ticket_declined=True)),
}


@pytest.mark.parametrize("verdict", VerdictWord)
@pytest.mark.parametrize("second", [*TRIED.values(), (alerted(),)], ids=[*TRIED, "not tried"])
def test_a_pass_in_which_no_ticket_was_offered_is_vacuous(
    verdict: VerdictWord, second: tuple[Observation, ...]
) -> None:
    stages = [
        StageFacts(expected=Expect.ACCEPT, seen=(requested(tickets_sent=2),), report=CANARY),
        StageFacts(expected=Expect.REFUSE, seen=second, report=REFUSED),
    ]
    finding = vacuous(Finding(verdict=verdict, reason="so"), stages)
    untried = second not in TRIED.values() and verdict in (V.PASS, V.REPORTED)
    assert finding.vacuous == ("no ticket was offered: nothing to show" if untried else "")
    told = " (vacuous: no ticket was offered: nothing to show)" if untried else ""  # by every report of a reason
    assert (finding.verdict, finding.reason) == (verdict, f"so{told}")


def test_every_verdict_is_in_the_table() -> None:
    assert {row.verdict for row in ROWS} == set(VerdictWord)

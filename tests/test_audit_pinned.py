"""When a refusal is a pin: one that is repeated, where pass-through works and nothing else explains it; row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pindrill.audits.facts import AppRun
from pindrill.audits.words import AuditWord
from support.audit_rows import CLOSING, PLACES, REFUSED, Row, check, runs, two
from support.contacts import (
    SECOND,
    SPAN,
    STACK,
    THIRD,
    C,
    closed,
    contact,
    held,
    idle,
    leaked,
    passed,
    read,
    told,
    trust,
    vanished,
)
from support.facts import HELLO, alert, alerted, finished, seen, shown

W = AuditWord
TRUST = trust()
DIED = AppRun(number=2, death="was killed by SIGSEGV")
UNSENT = contact(C.TRUSTED_CA, seen(hello=HELLO, ended="fin", ended_at=25))
RESET = contact(C.TRUSTED_CA, shown(ended="reset"))
ALERTED_AFTER = contact(C.TRUSTED_CA, finished(alerts=(alert(46),)))
POLITE = contact(C.TRUSTED_CA, finished(alerts=(alert(90), alert(0)), close_notify=True))
POLITE_OPEN = replace(POLITE, seen=replace(POLITE.seen, ended="open", ended_at=0))
WARNED = finished(tls_version="TLSv1.2", alerts=(alert(100, level=1),), ended="open", ended_at=0)
PREFACE = contact(C.TRUSTED_CA, finished(boilerplate_bytes=64, progress="boilerplate"))
NOT_RESOLVED = contact(
    C.TRUSTED_CA,
    seen(hello=HELLO, alerts=(alert(80, sent=True, at=22),), ended="fin", ended_at=25),
    upstream_failure="app.pin.test: no address",
)
BROKEN = closed(failure="the certificate could not be minted")
CUT = told(upstream_failure="alert")
CUT = replace(CUT, seen=replace(CUT.seen, ended="open", ended_at=0))
AFTER_US = contact(C.TRUSTED_CA, finished(alerts=(alert(0, sent=True, at=70),)))
BEFORE_US = contact(C.TRUSTED_CA, finished(alerts=(alert(0, at=60), alert(0, sent=True, at=70)), close_notify=True))

ROWS = (
    # pinned: pass-through works, this stack trusts the test CA elsewhere, refused repeatedly
    Row("pinned, alerts", (*TRUST, *PLACES, *REFUSED), W.PINNED, "refused the test CA twice"),
    Row("pinned, closing after the handshake", (*TRUST, *PLACES, *CLOSING), W.PINNED, "works when passed through"),
    Row(
        "pinned, says where the CA is trusted",
        (*TRUST, *PLACES, *REFUSED),
        W.PINNED,
        "trusts the test CA at other.pin.test",
    ),
    Row("pinned, trust shown afterwards", (*REFUSED, *TRUST, *PLACES), W.PINNED),
    Row("pinned, silent FINs", (*TRUST, *PLACES, passed(), *two(vanished())), W.PINNED),
    Row("pinned, alert after Finished", (*TRUST, *PLACES, passed(), *two(ALERTED_AFTER)), W.PINNED, "alert 46"),
    Row(
        "pinned, the server's complaint came before the FIN",
        (*TRUST, *PLACES, passed(), *two(CUT)),
        W.PINNED,
        "alert 48",
    ),
    Row("pinned, user_canceled and close_notify", (*TRUST, *PLACES, passed(), *two(POLITE)), W.PINNED),
    Row("pinned, close_notify, its socket left open", (*TRUST, *PLACES, passed(), *two(POLITE_OPEN)), W.PINNED),
    Row(
        "a warning, its socket left open",
        (*TRUST, *PLACES, passed(), *two(contact(C.TRUSTED_CA, WARNED))),
        W.INCONCLUSIVE,
    ),
    Row(
        "more behind the alert than could be read",
        (*TRUST, *PLACES, passed(), *two(contact(C.TRUSTED_CA, alerted(unread_bytes=90)))),
        W.INCONCLUSIVE,
    ),
    Row("pinned, h2 boilerplate only", (*TRUST, *PLACES, passed(), *two(PREFACE)), W.PINNED, "boilerplate"),
    Row(
        "pinned, internal error is an alert like any other",
        (*TRUST, *PLACES, passed(), *two(told(number=80))),
        W.PINNED,
    ),
    Row("pinned, TLS 1.2", (*TRUST, *PLACES, passed((40,), "TLSv1.2"), *two(told())), W.PINNED),
    Row(
        "pinned, the client certificate's records before",
        (*TRUST, *PLACES, passed((900, 300, 53, 90)), told(), told()),
        W.PINNED,
    ),
    Row(
        "pinned, refuses all others too", (*TRUST, *PLACES, *REFUSED, told(C.OTHER_HOST), told(C.SELF_SIGNED)), W.PINNED
    ),
    Row("pinned, with upstream failures beside", (*TRUST, *PLACES, *REFUSED, NOT_RESOLVED), W.PINNED),
    Row(
        "pinned, more connections than idle ones",
        runs((*TRUST, *PLACES), (passed(), idle()), (closed(), closed(), closed())),
        W.PINNED,
    ),
    Row("pinned, names its stack", (*TRUST, *PLACES, *REFUSED), W.PINNED, stack=STACK),
    # ... pass-through works
    Row("never passed through", (*TRUST, told(), told()), W.INCONCLUSIVE, "never seen to work when passed"),
    Row("passed through without data", (*TRUST, idle(), told(), told()), W.INCONCLUSIVE, "never seen to work"),
    Row("passed through without the server", (*TRUST, passed(upstream_bytes=0), told(), told()), W.INCONCLUSIVE),
    Row("passed through, upstream down", (*TRUST, passed(upstream_failure="refused"), *two(told())), W.INCONCLUSIVE),
    Row("passed through, only an alert", (*TRUST, passed((53, 19)), *two(told())), W.INCONCLUSIVE),
    Row("passed through, JSSE's alerts", (*TRUST, passed((69, 35, 35)), *two(told())), W.INCONCLUSIVE),
    Row("passed through, empty certificate and Finished", (*TRUST, passed((25, 53)), *two(told())), W.INCONCLUSIVE),
    Row("passed through, no Finished", (*TRUST, passed(()), *two(told())), W.INCONCLUSIVE),
    Row("passed through by another stack only", (*TRUST, passed(stack=SECOND), *two(told())), W.INCONCLUSIVE),
    Row("only passed through", (*TRUST, passed(), passed()), W.INCONCLUSIVE, "was never shown to it"),
    Row("only shown what nobody trusts", (*TRUST, passed(), told(C.SELF_SIGNED)), W.INCONCLUSIVE, "never shown to it"),
    # ... refused repeatedly
    Row("refused once", (*TRUST, passed(), told()), W.INCONCLUSIVE, "refused only once"),
    Row("closed once", (*TRUST, passed(), closed()), W.INCONCLUSIVE, "refused only once"),
    Row(
        "T3 one silent FIN does not count",
        (*TRUST, passed(), told(), vanished()),
        W.INCONCLUSIVE,
        "if it happens again",
    ),
    Row("T3 RST before Finished counts never", (*TRUST, passed(), *two(RESET)), W.INCONCLUSIVE, "client that died"),
    Row("T3 ended before the flight", (*TRUST, passed(), *two(UNSENT)), W.INCONCLUSIVE, "before it was shown"),
    Row("T5 the app died", runs(TRUST, (*REFUSED,)), W.INCONCLUSIVE, "a dead client refuses nothing", starts=(DIED,)),
    Row(
        "T5 ended by the harness",
        runs(TRUST, (passed(),), (closed(),), (closed(),)),
        W.INCONCLUSIVE,
        "timeout",
        starts=(AppRun(number=3, ending_at=1), AppRun(number=4, ending_at=1)),
    ),
    Row("T11 open at the end", (*TRUST, *REFUSED, held()), W.INCONCLUSIVE, "a timeout is no refusal"),
    Row(
        "T11 open as in pass-through",
        runs((*TRUST, *PLACES), (passed(), idle()), (held(), closed()), (held(), closed())),
        W.PINNED,
    ),
    Row("a failure of ours is no refusal", (*TRUST, passed(), *two(BROKEN)), W.INCONCLUSIVE, "could not be minted"),
    Row("closed after the server", (*TRUST, passed(), *two(AFTER_US)), W.INCONCLUSIVE, "until the server closed"),
    Row("closed before the server", (*TRUST, *PLACES, passed(), *two(BEFORE_US)), W.PINNED),
    Row(
        "an alert is one, whatever became of the upstream",
        (*TRUST, *PLACES, passed(), *two(told(upstream_failure="reset"))),
        W.PINNED,
    ),
    Row(
        "what the upstream did afterwards is none of it",
        (*TRUST, *PLACES, passed(), *two(closed(upstream_failure="alert"))),
        W.PINNED,
    ),
    Row(
        "closed after the server's end",
        (*TRUST, passed(), *two(closed(upstream_ended_at=1))),
        W.INCONCLUSIVE,
        "until the server",
    ),
    Row(
        "closed before the server's end",
        (*TRUST, *PLACES, passed(), *two(closed(upstream_ended_at=SPAN * 90))),
        W.PINNED,
    ),
    Row("an upstream failure is no refusal", (*TRUST, passed(), *two(NOT_RESOLVED)), W.INCONCLUSIVE, "no address"),
    # ... beyond the connections that carry nothing anyway
    Row("idle ones look like refusals", (*TRUST, passed(), idle(), *two(closed())), W.INCONCLUSIVE, "as some do when"),
    Row("idle ones do not look like alerts", (*TRUST, *PLACES, passed(), idle(), *two(told())), W.PINNED),
    Row("as many as are idle", runs(TRUST, (passed(), idle()), (closed(),), (closed(),)), W.INCONCLUSIVE, "as some do"),
    Row(
        "idle ones of a run with a fault do not count",
        runs(TRUST, (passed(), idle()), (read(), closed())),
        W.INTERCEPTED,
    ),
    Row(
        "idle because another was refused is not normal",
        runs((*TRUST, *PLACES), (passed(),), (told(destination=THIRD), idle()), (closed(),), (closed(),)),
        W.PINNED,
    ),
    # ... while no other destination stops the app
    Row(
        "closed while another was refused",
        runs(TRUST, (passed(),), (told(destination=THIRD), closed()), (told(destination=THIRD), closed())),
        W.INCONCLUSIVE,
        "while another destination was refused",
    ),
    Row(
        "alerts while another was refused",
        runs((*TRUST, *PLACES), (passed(),), (told(destination=THIRD), told()), (told(destination=THIRD), told())),
        W.PINNED,
    ),
    Row(
        "closed before another was refused",
        runs((*TRUST, *PLACES), (passed(),), (closed(), told(destination=THIRD)), (closed(), told(destination=THIRD))),
        W.PINNED,
    ),
    Row(
        "closed while another was read and left",
        runs(TRUST, (passed(),), (leaked(destination=THIRD), closed()), (leaked(destination=THIRD), closed())),
        W.INCONCLUSIVE,
    ),
    Row(
        "closed while another was read and answered",
        runs((*TRUST, *PLACES), (passed(),), (read(destination=THIRD), closed()), (read(destination=THIRD), closed())),
        W.PINNED,
    ),
    Row(
        "closed while another stood open",
        runs((*TRUST, *PLACES), (passed(),), (held(destination=THIRD), closed()), (held(destination=THIRD), closed())),
        W.PINNED,
    ),
    Row(
        "closed while another was refused at the same time, without runs",
        (
            *TRUST,
            passed(),
            told(at=5000, destination=THIRD),
            closed(at=5001),
            told(at=6000, destination=THIRD),
            closed(at=6001),
        ),
        W.INCONCLUSIVE,
        "while another",
    ),
    Row(
        "closed after another had refused, which its server ended",
        (*TRUST, *PLACES, passed(), replace(CUT, destination=THIRD), *two(closed())),
        W.PINNED,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_rule(row: Row) -> None:
    check(row)

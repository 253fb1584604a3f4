"""What it means that data was readable: the rules of an audit for stacks that were read, row by row."""

from __future__ import annotations

import pytest
from pindrill.audits.facts import AppRun, Destination
from pindrill.audits.words import AuditWord
from support.audit_rows import CLOSING, REFUSED, Row, check, runs, two
from support.contacts import (
    HOST,
    SECOND,
    SPAN,
    STACK,
    C,
    closed,
    contact,
    idle,
    leaked,
    passed,
    plain,
    read,
    told,
)
from support.facts import alert, finished, plaintext, requested, shown

W = AuditWord
PLAIN_PORT = Destination(HOST.host, 80)
DIED = AppRun(number=2, death="was killed by SIGSEGV")
CERTIFIED = contact(C.TRUSTED_CA, finished(client_certificate=True))
LONG = read(observation=requested(ended_at=10**9))
OPEN = read(observation=requested(ended="open", ended_at=0, response_sent_at=0))
EARLY = contact(C.TRUSTED_CA, shown(data_bytes=9, early_data_bytes=9, first_data_at=35))
START, SAME_MOMENT = 10 * SPAN, 10_000_000
GARBAGE = contact(None, plaintext(secrets=(), request_line="", progress="other"), plaintext_forwarded=True)


ROWS = (
    # intercepted
    Row("intercepted", (passed(), read()), W.INTERCEPTED, "not pinned: 100 bytes were readable under trusted-ca"),
    Row("intercepted, needs no pass-through", (read(),), W.INTERCEPTED, "GET /x"),
    Row("intercepted, needs no trust elsewhere", (passed(), read(), told(C.UNTRUSTED_CA)), W.INTERCEPTED),
    Row("intercepted, an idle connection beside", (passed(), idle(), read(), closed()), W.INTERCEPTED, "as some do"),
    Row("intercepted, an idle one and no baseline", (read(), closed()), W.INTERCEPTED, "nobody needed"),
    Row("intercepted, only under a stapled chain", (passed(), read(C.GENUINE_LEAF_APPENDED)), W.INTERCEPTED),
    Row("intercepted, the app died afterwards", runs((passed(),), (read(),)), W.INTERCEPTED, starts=(DIED,)),
    Row("intercepted, upstream failed", (read(upstream_failure="refused"),), W.INTERCEPTED),
    Row(
        "intercepted, still open",
        (passed(), *two(read(observation=requested(ended="open", ended_at=0)))),
        W.INTERCEPTED,
    ),
    Row("intercepted, expired as well", (passed(), read(), read(C.EXPIRED)), W.INTERCEPTED, "expired"),
    Row("intercepted, early data", (passed(), EARLY), W.INTERCEPTED, "9 bytes"),
    Row(
        "intercepted, client certificate as well",
        (read(observation=requested(client_certificate=True)),),
        W.INTERCEPTED,
        "client certificate",
    ),
    Row("refused, then read, without pass-through", (closed(run=1), read(run=1)), W.INTERCEPTED),
    # no validation
    Row("accepts an untrusted CA", (passed(), told(), read(C.UNTRUSTED_CA)), W.NO_VALIDATION, "what anybody can show"),
    Row("accepts a self-signed one", (passed(), read(), read(C.SELF_SIGNED)), W.NO_VALIDATION),
    Row(
        "accepts the genuine leaf without its key",
        (passed(), *two(told()), read(C.GENUINE_LEAF_WITHOUT_KEY)),
        W.NO_VALIDATION,
    ),
    Row("accepts it once of several times", (told(C.SELF_SIGNED), read(C.SELF_SIGNED)), W.NO_VALIDATION, "2 in all"),
    Row("no validation before wrong certificate", (read(C.OTHER_HOST), read(C.SELF_SIGNED)), W.NO_VALIDATION),
    Row(
        "refused untrusted ones are none",
        (passed(), read(), told(C.SELF_SIGNED), closed(C.UNTRUSTED_CA)),
        W.INTERCEPTED,
    ),
    # wrong certificate
    Row("another host's certificate", (passed(), *two(told()), read(C.OTHER_HOST)), W.WRONG_CERTIFICATE, "the name"),
    Row("another host's certificate, and intercepted", (passed(), read(), read(C.OTHER_HOST)), W.WRONG_CERTIFICATE),
    Row(
        "genuine leaf appended",
        (*REFUSED, read(C.GENUINE_LEAF_APPENDED)),
        W.WRONG_CERTIFICATE,
        "refused the test CA twice, but",
    ),
    Row("genuine issuers appended", (*CLOSING, read(C.GENUINE_ISSUERS_APPENDED)), W.WRONG_CERTIFICATE),
    Row("genuine leaf second", (*REFUSED, read(C.GENUINE_LEAF_SECOND)), W.WRONG_CERTIFICATE, "second-position"),
    Row("an expired one", (*REFUSED, read(C.EXPIRED)), W.WRONG_CERTIFICATE, "expired"),
    Row("stapled, but refused once only", (passed(), told(), read(C.GENUINE_LEAF_APPENDED)), W.MIXED),
    Row(
        "stapled, the refusals were idle ones",
        (passed(), idle(), *two(closed()), read(C.GENUINE_LEAF_SECOND)),
        W.INTERCEPTED,
    ),
    # leaked
    Row("leaked", (passed(), *two(leaked())), W.LEAKED, "left before any answer"),
    Row("leaked once is not known to be late", (passed(), leaked()), W.INTERCEPTED),
    Row("leaked, and answered another time", (passed(), *two(leaked()), LONG), W.INTERCEPTED),
    Row("leaked, the answer won the race once", (passed(), *two(leaked()), read()), W.LEAKED, "on 2 of them"),
    Row("leaked, the answer won as often", (passed(), *two(leaked()), *two(read())), W.INTERCEPTED),
    Row("leaked, and read without an end", (passed(), *two(leaked()), OPEN), W.INTERCEPTED),
    Row("leaked, the answer came after it left", (passed(), *two(leaked(answered_at=SPAN * 90))), W.LEAKED),
    Row("left after the answer", (passed(), *two(leaked(answered_at=1))), W.INTERCEPTED),
    Row(
        "leaked, the server was down",
        (passed(), *two(read(observation=requested(response_sent_at=0, ended="open"), upstream_failure="reset"))),
        W.INTERCEPTED,
    ),
    Row("leaked, the server complained afterwards", (passed(), *two(leaked(upstream_failure="alert"))), W.LEAKED),
    Row("leaked, the server had left", (passed(), *two(leaked(upstream_ended_at=1))), W.INTERCEPTED),
    Row("leaked, our failure", (passed(), *two(leaked(failure="out of files"))), W.INTERCEPTED),
    Row(
        "left after a long wait",
        (passed(), *two(read(observation=requested(response_sent_at=0, ended_at=10**10)))),
        W.INTERCEPTED,
    ),
    Row(
        "left by close_notify before the answer",
        (passed(), *two(read(observation=requested(alerts=(alert(0, at=65),))))),
        W.LEAKED,
    ),
    Row(
        "left because it was ended",
        runs((passed(),), (leaked(),), (leaked(),)),
        W.INTERCEPTED,
        starts=(AppRun(number=2, ending_at=1), AppRun(number=3, ending_at=1)),
    ),
    Row("left because it died", runs((passed(),), two(leaked())), W.INTERCEPTED, starts=(DIED,)),
    Row("the client certificate alone", (passed(), CERTIFIED), W.LEAKED, "client certificate went"),
    # fallback to plain text
    Row("plain text after a refusal", runs((passed(),), (told(), plain())), W.FALLBACK, "in plain text"),
    Row(
        "plain text, seen from its port", runs((passed(),), (told(), plain())), W.FALLBACK, "TLS at app", at=PLAIN_PORT
    ),
    Row("plain text on the port of TLS", runs((passed(),), (told(), plain(HOST))), W.FALLBACK),
    Row("plain text after silent refusals", runs((passed(),), (closed(), plain())), W.FALLBACK),
    Row("plain text, nobody starts the app", (passed(), told(), plain()), W.FALLBACK),
    Row("plain text anyway", runs((passed(), plain()), (told(), plain()), (told(),)), W.CA_UNTRUSTED),
    Row(
        "plain text anyway, seen from its port",
        runs((passed(), plain()), (told(), plain())),
        W.INTERCEPTED,
        "without TLS",
        at=PLAIN_PORT,
    ),
    Row(
        "plain text without pass-through",
        runs((told(), plain()), (told(), plain())),
        W.INCONCLUSIVE,
        "never seen to work",
    ),
    Row("plain text without pass-through, its port", runs((told(), plain())), W.INTERCEPTED, at=PLAIN_PORT),
    Row("plain text before the refusal", runs((passed(),), (plain(), told()), (told(),)), W.CA_UNTRUSTED),
    Row(
        "plain text, and once after what shows nothing",
        runs((passed(),), (told(), plain()), (closed(failure="out of files"), plain())),
        W.FALLBACK,
    ),
    Row(
        "plain text only after what shows nothing",
        runs((passed(),), (closed(failure="out of files"), plain()), (told(),)),
        W.INCONCLUSIVE,
    ),
    Row(
        "plain text although it was read",
        runs((passed(),), (read(), plain()), (told(), plain())),
        W.INTERCEPTED,
        at=PLAIN_PORT,
    ),
    Row(
        "plain text after the refusal of another start",
        runs((passed(),), (told(),), (plain(), told())),
        W.CA_UNTRUSTED,
    ),
    Row(
        "plain text to another host",
        runs((passed(),), (told(), plain(Destination("x.test", 80))), (told(),)),
        W.CA_UNTRUSTED,
    ),
    Row("plain text after an idle connection", runs((passed(), idle()), (closed(), plain())), W.INCONCLUSIVE),
    Row("bytes that are no request", runs((passed(),), (told(), GARBAGE), (told(),)), W.CA_UNTRUSTED),
    # fallback to another stack
    Row(
        "a second stack",
        runs((passed(),), (told(), read(stack=SECOND))),
        W.FALLBACK,
        f"TLS stack {STACK} refused",
        stack=SECOND,
    ),
    Row("a second stack, nobody starts the app", (passed(), told(), read(stack=SECOND)), W.FALLBACK),
    Row(
        "a second stack that comes anyway",
        runs((passed(), passed(stack=SECOND)), (told(), read(stack=SECOND))),
        W.INTERCEPTED,
        f"TLS stack {STACK}: inconclusive",
    ),
    Row("a second stack without pass-through", runs((told(), read(stack=SECOND))), W.INTERCEPTED),
    Row(
        "a second stack after an idle connection",
        runs((passed(), idle()), (closed(), read(stack=SECOND))),
        W.INTERCEPTED,
    ),
    Row("a second stack before the refusal", runs((passed(),), (read(stack=SECOND), told())), W.INTERCEPTED),
    Row(
        "a second stack that accepts anything",
        runs((passed(),), (told(), read(C.SELF_SIGNED, stack=SECOND))),
        W.NO_VALIDATION,
    ),
    # fallback by a retry of the same stack
    Row("a retry without checks", runs((passed(),), (closed(), read())), W.FALLBACK, "once more than it does"),
    Row("a retry without checks, alert", runs((passed(),), (told(), read()), (told(), read())), W.FALLBACK),
    Row(
        "a retry that is noticed just before the end of what it follows",
        runs((passed(),), (contact(C.TRUSTED_CA, finished(ended_at=80 + SAME_MOMENT), at=START), read(at=START + 70))),
        W.FALLBACK,
    ),
    Row(
        "a second connection before the end of the first",
        runs((passed(),), (contact(C.TRUSTED_CA, finished(ended_at=81 + SAME_MOMENT), at=START), read(at=START + 70))),
        W.MIXED,
    ),
    Row("as many connections as ever", runs((passed(), passed()), (told(), read())), W.MIXED),
    Row("a retry without runs to compare", (passed(), told(), read()), W.MIXED),
    # mixed
    Row(
        "mixed",
        runs((passed(), passed(), passed()), (told(), read(), told())),
        W.MIXED,
        "1 of its connections were read, 2 refused",
    ),
    Row("mixed, read first", runs((passed(),), (read(), told())), W.MIXED),
    Row("mixed, alerts need no baseline", (read(), told()), W.MIXED),
    Row(
        "read only after genuine ones",
        runs((passed(),), (told(),), (passed(), read())),
        W.MIXED,
        "only after genuine connections",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_rule(row: Row) -> None:
    check(row)

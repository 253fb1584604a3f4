"""Resumption: what a pin is worth on a session that was begun before."""

from pindrill.model import BACKUP, GENUINE, ROGUE, THIRD, Expect, PinsOf, Scenario, Stage

BASELINE = Scenario(
    id="resumption/genuine-full-then-resumed",
    code="RP1",
    summary="The genuine server gives tickets; the client comes back and may resume its session.",
    catches="a client that looks for a certificate on a resumed connection, where none is shown",
    references=("RFC 8446 section 2.2", "RFC 5077"),
    stages=(Stage(serve=GENUINE), Stage(serve=GENUINE)),
    sessions="tickets",
    expected=("AAAA AAAA", "AAAA AAAA"),
)
UNPINNED_FIRST = Scenario(
    id="resumption/unpinned-then-pinned-request-shared-cache",
    code="RP2",
    summary="root-rogue -> intermediate-rogue -> leaf-rogue; a request without pins, then one with pins: the session "
    "of the first is there to be resumed.",
    catches="a pin that is checked in full handshakes only, beside a part of the app that does not pin",
    references=("RFC 7469 section 2.6",),
    stages=(Stage(serve=ROGUE, pinned=False), Stage(serve=ROGUE)),
    sessions="tickets",
    core=True,
    expected=("AAAA RRRR", "AAAA RRRR"),
    fault="pin",
)
PINS_CHANGED = Scenario(
    id="resumption/pin-set-changed-between-connections",
    code="RP4",
    summary="The genuine server; then the same client is given other pins, which no longer cover it, and may resume.",
    catches="a client that goes on with sessions of a key that it no longer pins",
    references=("golang/go#77217",),
    stages=(Stage(serve=GENUINE), Stage(serve=GENUINE, pins=PinsOf(pinned=BACKUP, backup=THIRD))),
    sessions="tickets",
    core=True,
    expected=("AAAA RRRR", "AAAA RRRR"),
    fault="pin",
)
STOLEN_TICKET_KEY = Scenario(
    id="resumption/stolen-ticket-key",
    code="RP5",
    summary="The genuine server; then a rogue that has stolen its ticket key, resumes the session and shows nothing.",
    catches="nobody: it tells that whoever has the ticket key needs no certificate, as long as tickets live",
    references=("RFC 8446 section 4.6.1", "RFC 5077 section 5"),
    stages=(Stage(serve=GENUINE), Stage(serve=ROGUE, expect=Expect.REPORT)),
    sessions="tickets",
    expected=("AAAA PPPP", "AAAA PPPP"),
    fault="pin",
)
TICKET_DECLINED = Scenario(
    id="resumption/ticket-declined-then-unpinned-key",
    code="RP11",
    summary="The genuine server gives tickets; then a rogue declines them and shows leaf-rogue, certified by a trusted "
    "CA.",
    catches="a client that wants to resume and forgets to check what it is shown instead",
    references=("RFC 8446 section 4.6.1",),
    stages=(Stage(serve=GENUINE), Stage(serve=ROGUE, takes_tickets=False)),
    sessions="tickets",
    core=True,
    expected=("AAAA RRRR", "AAAA RRRR"),
    fault="pin",
)
NTH_RECONNECT = Scenario(
    id="resumption/rogue-on-nth-reconnect",
    code="RP21",
    summary="The genuine server closes each connection; the fourth is to a rogue, whom a trusted CA certified.",
    catches="a pin that is checked on the first connections only",
    stages=(Stage(serve=GENUINE), Stage(serve=GENUINE), Stage(serve=GENUINE), Stage(serve=ROGUE)),
    core=True,
    expected=("AAAA AAAA AAAA RRRR", "AAAA AAAA AAAA RRRR"),
    fault="pin",
)

ALL = (BASELINE, UNPINNED_FIRST, PINS_CHANGED, STOLEN_TICKET_KEY, TICKET_DECLINED, NTH_RECONNECT)

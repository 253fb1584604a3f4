"""Validity: the right key at the wrong time."""

from dataclasses import replace
from datetime import timedelta

from pindrill.model import GENUINE, NEVER, ROGUE, PinsOf, Scenario, Stage

EXPIRED = GENUINE.valid(timedelta(days=-90), timedelta(days=-2))
EXPIRED_ISSUER = replace(
    GENUINE.valid(timedelta(days=-60), timedelta(days=60)), issuer_dates=(timedelta(days=-90), timedelta(days=-2))
)
"""The leaf was issued while its issuer was valid: at any time then nothing is wrong."""
FUTURE = GENUINE.valid(timedelta(days=2), timedelta(days=90))

EXPIRED_LEAF = Scenario(
    id="validity/expired-pinned-leaf",
    code="VT1",
    summary="root-current -> intermediate-current -> leaf-current, expired two days ago.",
    catches="a client whose pin switches the date check off",
    references=("RFC 5280 section 4.1.2.5",),
    stages=(Stage(serve=EXPIRED),),
    pins=PinsOf(pinned=EXPIRED),
    expected=NEVER,
    fault="dates",
)

NOT_YET_VALID = Scenario(
    id="validity/not-yet-valid-leaf",
    code="VT2",
    summary="root-current -> intermediate-current -> leaf-current, valid from the day after tomorrow.",
    catches="a client whose pin switches the date check off",
    references=("RFC 5280 section 4.1.2.5", "CVE-2007-3564"),
    stages=(Stage(serve=FUTURE),),
    pins=PinsOf(pinned=FUTURE),
    expected=NEVER,
    fault="dates",
)

EXPIRED_INTERMEDIATE = Scenario(
    id="validity/expired-pinned-intermediate",
    code="VT3",
    summary="root-current -> intermediate-current, expired two days ago -> leaf-current.",
    catches="a second path builder that looks at no dates",
    references=("RFC 5280 section 6.1",),
    stages=(Stage(serve=EXPIRED_ISSUER),),
    pins=PinsOf(pinned=EXPIRED_ISSUER),
    expected=NEVER,
    fault="dates",
)

PIN_SET_EXPIRED = Scenario(
    id="validity/pin-set-expired-unpinned-key",
    code="VT7",
    summary="The server of BL6 to a client whose pin set expired yesterday. Most let it through, by design.",
    catches="an app that is left without pins when it is not updated",
    references=("Android Network Security Config", "TrustKit kTSKExpirationDate"),
    stages=(Stage(serve=ROGUE),),
    pins=PinsOf(expires=timedelta(days=-1)),
    expected=("PPPP", "PPPP"),
    fault="pin",
)

PIN_SET_EXPIRED_UNTRUSTED = Scenario(
    id="validity/pin-set-expired-untrusted-ca",
    code="VT8",
    summary="root-untrusted (not trusted) -> intermediate-untrusted -> leaf-rogue to a client whose pin set expired "
    "yesterday.",
    catches="a client that validates by its pins alone, and nothing once they have expired",
    references=("Android Network Security Config",),
    stages=(Stage(serve=GENUINE.misissue("root-untrusted", "intermediate-untrusted")),),
    pins=PinsOf(expires=timedelta(days=-1)),
    expected=NEVER,
    fault="trust",
)

ALL = (EXPIRED_LEAF, NOT_YET_VALID, EXPIRED_INTERMEDIATE, PIN_SET_EXPIRED, PIN_SET_EXPIRED_UNTRUSTED)

"""Validity: the right key at the wrong time."""

from dataclasses import replace
from datetime import timedelta

from pindrill.model import GENUINE, PinsOf, Scenario, Stage

EXPIRED = GENUINE.valid(timedelta(days=-90), timedelta(days=-2))
EXPIRED_ISSUER = replace(GENUINE, issuer_dates=(timedelta(days=-90), timedelta(days=-2)))
FUTURE = GENUINE.valid(timedelta(days=2), timedelta(days=90))

EXPIRED_LEAF = Scenario(
    id="validity/expired-pinned-leaf",
    code="VT1",
    summary="root-current -> intermediate-current -> leaf-current, expired two days ago.",
    catches="a client whose pin switches the date check off",
    references=("RFC 5280 section 4.1.2.5",),
    stages=(Stage(serve=EXPIRED),),
    pins=PinsOf(pinned=EXPIRED),
)

NOT_YET_VALID = Scenario(
    id="validity/not-yet-valid-leaf",
    code="VT2",
    summary="root-current -> intermediate-current -> leaf-current, valid from the day after tomorrow.",
    catches="a client whose pin switches the date check off",
    references=("RFC 5280 section 4.1.2.5", "CVE-2007-3564"),
    stages=(Stage(serve=FUTURE),),
    pins=PinsOf(pinned=FUTURE),
)

EXPIRED_INTERMEDIATE = Scenario(
    id="validity/expired-pinned-intermediate",
    code="VT3",
    summary="root-current -> intermediate-current, expired two days ago -> leaf-current.",
    catches="a second path builder that looks at no dates",
    references=("RFC 5280 section 6.1",),
    stages=(Stage(serve=EXPIRED_ISSUER),),
    pins=PinsOf(pinned=EXPIRED_ISSUER),
)

ALL = (EXPIRED_LEAF, NOT_YET_VALID, EXPIRED_INTERMEDIATE)

"""The pin set itself: empty, malformed, nearly right."""

from pindrill.model import GENUINE, NEVER, ROGUE, Alter, Expect, PinsOf, Scenario, Stage


def malformed(kind: str, alter: Alter, text: str) -> Scenario:
    return Scenario(
        id=f"pin-set/malformed-digest-{kind}",
        code="PL2",
        summary=f"The server of BL6 to a client whose only pins are malformed: {text}.",
        catches="a client that drops what it cannot parse, and is left without a pin",
        stages=(Stage(serve=ROGUE, pins=PinsOf(alter=alter), expect=Expect.CONFIG_ERROR_OR_REFUSE),),
        expected=("CCCC", "CCCC"),
        fault="pin",
    )


EMPTY = Scenario(
    id="pin-set/empty",
    code="PL1",
    summary="The server of BL6 to a client whose pin set for this host is empty. It should be an error.",
    catches="a client that takes an empty pin set for no pinning",
    references=("Android Network Security Config", "OkHttp CertificatePinner documentation"),
    stages=(Stage(serve=ROGUE, pins=PinsOf(alter=Alter.EMPTY_SET), expect=Expect.REPORT),),
    expected=("PPPP", "PPPP"),
    fault="pin",
)

NEAR_MISS = Scenario(
    id="pin-set/near-miss-digest",
    code="PL16",
    summary="The genuine chain to a client whose pin differs from its digest in the last bit.",
    catches="a client that compares a part of the digest",
    stages=(Stage(serve=GENUINE, pins=PinsOf(alter=Alter.NEAR_MISS)),),
    expected=NEVER,
    fault="pin",
)

CASE_SWAPPED = Scenario(
    id="pin-set/case-swapped-digest",
    code="PL17",
    summary="The genuine chain to a client whose pin is its digest in base64 with upper and lower case swapped.",
    catches="a client that compares base64 without regard to case",
    references=("RFC 4648 section 4",),
    stages=(Stage(serve=GENUINE, pins=PinsOf(alter=Alter.CASE_SWAPPED)),),
    expected=NEVER,
    fault="pin",
)

ALL = (
    EMPTY,
    malformed("not-base64", Alter.NOT_BASE64, "no base64"),
    malformed("short", Alter.SHORT, "too short for a SHA-256"),
    malformed("trailing-junk", Alter.TRAILING_JUNK, "a digest with junk behind it"),
    NEAR_MISS,
    CASE_SWAPPED,
)

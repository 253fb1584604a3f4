"""Host names: a pin must not replace the name check, and must hold for every spelling of the host."""

from pindrill.model import GENUINE, HOST, NEVER, ROGUE, SIBLING_HOST, PinsOf, Scenario, Stage

OTHER_NAME = GENUINE.name(SIBLING_HOST)

PINNED_KEY_OTHER_NAME = Scenario(
    id="hostname/pinned-key-other-name",
    code="HN1",
    summary="root-current -> intermediate-current -> leaf-current, but certified for other.pin.test only.",
    catches="a client whose pin switches the host name check off",
    references=("RFC 9525",),
    stages=(Stage(serve=OTHER_NAME),),
    pins=PinsOf(pinned=OTHER_NAME),
    expected=NEVER,
    fault="name",
)

PINNED_CA_OTHER_NAME = Scenario(
    id="hostname/pinned-ca-new-key-other-name",
    code="HN2",
    summary="root-current -> intermediate-current -> leaf-other, certified for other.pin.test.",
    catches="a client that pins a CA and does not check the host name",
    references=("RFC 9525",),
    stages=(Stage(serve=GENUINE.rekey("leaf-other").name(SIBLING_HOST)),),
    expected=NEVER,
    fault="name",
)

TRAILING_DOT = Scenario(
    id="hostname/trailing-dot",
    code="HN11",
    summary="The server of BL6, asked for as https://app.pin.test./",
    catches="a client that finds no pins for the dotted spelling of its host",
    references=("RFC 1034 section 3.1",),
    stages=(Stage(serve=ROGUE),),
    host=HOST + ".",
    expected=NEVER,
    fault="pin",
)

UPPER_CASE = Scenario(
    id="hostname/upper-case-host",
    code="HN12",
    summary="The server of BL6, asked for as https://APP.pin.test/",
    catches="a client that finds no pins for another spelling of its host",
    references=("RFC 4343", "OkHttp 3.x change log"),
    stages=(Stage(serve=ROGUE),),
    host="APP.pin.test",
    expected=NEVER,
    fault="pin",
)

ALL = (PINNED_KEY_OTHER_NAME, PINNED_CA_OTHER_NAME, TRAILING_DOT, UPPER_CASE)

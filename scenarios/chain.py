"""Chain building: what is sent is not what is validated."""

from pindrill.model import ALWAYS, GENUINE, NEVER, Scenario, Stage

INTERMEDIATE_MISSING = Scenario(
    id="chain/intermediate-missing",
    code="CH1",
    summary="leaf-current alone; the intermediate between it and root-current is not sent.",
    catches="a client whose pin replaces chain validation",
    references=("RFC 8446 section 4.4.2",),
    stages=(Stage(serve=GENUINE.present("leaf")),),
    expected=NEVER,
    fault="chain",
)

SHUFFLED = Scenario(
    id="chain/order-shuffled",
    code="CH3",
    summary="leaf-current, root-current, intermediate-current: the genuine chain out of order.",
    catches="a client that takes the order presented for the path",
    references=("RFC 8446 section 4.4.2",),
    stages=(Stage(serve=GENUINE.present("leaf", "root", "issuers")),),
    expected=ALWAYS,
)

EXTRAS = Scenario(
    id="chain/duplicates-and-unrelated-extras",
    code="CH4",
    summary="The genuine chain, its intermediate twice, and an unrelated certificate in between.",
    catches="a client that stumbles over what is not needed",
    references=("RFC 8446 section 4.4.2",),
    stages=(Stage(serve=GENUINE.present("leaf", "issuers", "unrelated", "issuers")),),
    expected=ALWAYS,
)

ALL = (INTERMEDIATE_MISSING, SHUFFLED, EXTRAS)

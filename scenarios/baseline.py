"""Baseline and controls: genuine servers must be accepted, and the canonical negative refused."""

from pindrill.model import ALWAYS, GENUINE, NEVER, ROGUE, Alter, PinsOf, Scenario, Stage

GENUINE_TLS13 = Scenario(
    id="baseline/genuine-chain-tls13",
    code="BL1",
    summary="root-current -> intermediate-current -> leaf-current, as pinned, over TLS 1.3.",
    catches="a client that refuses its own server",
    stages=(Stage(serve=GENUINE),),
    tls=("1.3",),
    core=True,
    expected=ALWAYS,
)

GENUINE_TLS12 = Scenario(
    id="baseline/genuine-chain-tls12",
    code="BL2",
    summary="root-current -> intermediate-current -> leaf-current, as pinned, over TLS 1.2.",
    catches="a client that refuses its own server in the older version",
    stages=(Stage(serve=GENUINE),),
    tls=("1.2",),
    core=True,
    expected=ALWAYS,
)

WITH_ROOT = Scenario(
    id="baseline/chain-with-root",
    code="BL3",
    summary="The genuine chain; the root is sent as well, which RFC 8446 section 4.4.2 allows.",
    catches="a client that takes a self-signed certificate in the list for a self-signed server",
    stages=(Stage(serve=GENUINE.present("leaf", "issuers", "root")),),
    expected=ALWAYS,
)

WITHOUT_ROOT = Scenario(
    id="baseline/chain-without-root",
    code="BL4",
    summary="The genuine chain; the root is left out, as usual.",
    catches="a client that compares a root pin with the list presented instead of the chain validated",
    references=("okhttp#1699",),
    stages=(Stage(serve=GENUINE),),
    expected=ALWAYS,
)

UNPINNED_KEY = Scenario(
    id="baseline/trusted-ca-unpinned-key",
    code="BL6",
    summary="root-rogue (trusted) -> intermediate-rogue -> leaf-rogue, right name; none of its keys is pinned.",
    catches="a client that does not pin at all",
    references=("RFC 7469 section 2.6",),
    stages=(Stage(serve=ROGUE),),
    core=True,
    expected=NEVER,
    fault="pin",
)

UNPINNED_KEY_COVERED = Scenario(
    id="baseline/trusted-ca-unpinned-key-to-unpinned-client",
    code="BL7",
    summary="The server of BL6 to a client whose pins cover its key: nothing but a pin can be wrong with it.",
    catches="a refusal in BL6 that had nothing to do with the pin",
    stages=(Stage(serve=ROGUE, pins=PinsOf(pinned=ROGUE)),),
    expected=ALWAYS,
)

BOGUS_PIN = Scenario(
    id="baseline/genuine-chain-to-bogus-pin-client",
    code="BL8",
    summary="The genuine chain to a client whose pin is the digest of something else.",
    catches="a client that has pins but does not use them",
    references=("OkHttp CertificatePinner documentation",),
    stages=(Stage(serve=GENUINE, pins=PinsOf(alter=Alter.BOGUS)),),
    core=True,
    expected=NEVER,
    fault="pin",
)

ALL = (GENUINE_TLS13, GENUINE_TLS12, WITH_ROOT, WITHOUT_ROOT, UNPINNED_KEY, UNPINNED_KEY_COVERED, BOGUS_PIN)

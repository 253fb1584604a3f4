"""Interception: a rogue but often perfectly valid certificate must get nothing."""

from pindrill.model import (
    FOREIGN_HOST,
    GENUINE,
    NEVER,
    ROGUE,
    Expect,
    Scenario,
    Served,
    Stage,
)

TWO_INTERMEDIATES = GENUINE.misissue("root-rogue", "intermediate-rogue", "intermediate-rogue-2")
CLONE = Served(
    key="leaf-rogue",
    issuers=("root-rogue", "intermediate-clone"),
    clones=("intermediate-clone", "intermediate-current"),
)

SELF_SIGNED = Scenario(
    id="interception/self-signed-leaf",
    code="IN1",
    summary="leaf-rogue signed by itself, right name.",
    catches="a client that validates nothing",
    stages=(Stage(serve=Served(key="leaf-rogue", issuers=(), presented=("leaf",))),),
    core=True,
    expected=NEVER,
    fault="trust",
)

UNTRUSTED_CA = Scenario(
    id="interception/untrusted-ca",
    code="IN2",
    summary="root-untrusted (not trusted) -> intermediate-untrusted -> leaf-rogue, right name.",
    catches="a client that validates nothing",
    stages=(Stage(serve=GENUINE.misissue("root-untrusted", "intermediate-untrusted")),),
    core=True,
    expected=NEVER,
    fault="trust",
)

ONE_INTERMEDIATE = Scenario(
    id="interception/system-store-ca-misissued",
    code="IN4",
    summary="root-rogue (in the client's store) -> intermediate-rogue -> leaf-rogue, right name.",
    catches="a client that trusts every CA of its store",
    stages=(Stage(serve=ROGUE),),
    expected=NEVER,
    fault="pin",
)

TWO_ROGUE_INTERMEDIATES = Scenario(
    id="interception/system-store-ca-misissued-two-intermediates",
    code="IN4",
    summary="root-rogue (in the client's store) -> intermediate-rogue -> intermediate-rogue-2 -> leaf-rogue.",
    catches="a client that trusts every CA of its store, however long the chain",
    stages=(Stage(serve=TWO_INTERMEDIATES),),
    expected=NEVER,
    fault="pin",
)

LEAF_APPENDED = Scenario(
    id="interception/genuine-leaf-appended",
    code="IN5",
    summary="The chain of IN4, then the genuine leaf, which is no part of its path.",
    catches="a client that looks for its pin in the list presented",
    references=("CVE-2016-2402",),
    stages=(Stage(serve=ROGUE.present("leaf", "issuers", "genuine-leaf")),),
    core=True,
    expected=NEVER,
    fault="pin",
)

ISSUERS_APPENDED = Scenario(
    id="interception/genuine-issuers-appended",
    code="IN6",
    summary="The chain of IN4, then the genuine intermediate and root, which are no part of its path.",
    catches="a client that looks for its CA pin in the list presented",
    references=("CVE-2016-2402",),
    stages=(Stage(serve=ROGUE.present("leaf", "issuers", "genuine-issuers", "genuine-root")),),
    core=True,
    expected=NEVER,
    fault="pin",
)

LEAF_SECOND = Scenario(
    id="interception/genuine-leaf-at-second-position",
    code="IN7",
    summary="leaf-rogue, then the genuine leaf, then the issuers of leaf-rogue.",
    catches="a client that looks for its pin at a fixed place of the list presented",
    references=("CVE-2016-2402",),
    stages=(Stage(serve=ROGUE.present("leaf", "genuine-leaf", "issuers")),),
    expected=NEVER,
    fault="pin",
)

WITHOUT_KEY = Scenario(
    id="interception/genuine-leaf-without-its-key",
    code="IN8",
    summary="The genuine chain, copied; the handshake is signed by leaf-rogue's key.",
    catches="a client that does not check the proof of possession",
    references=("RFC 8446 section 4.4.3", "CVE-2020-24613", "CVE-2014-1266"),
    stages=(Stage(serve=Served(signing_key="leaf-rogue"), expect=Expect.REFUSE),),
    expected=NEVER,
    fault="possession",
)

CLONED_CA = Scenario(
    id="interception/pinned-ca-name-key-id-serial-cloned",
    code="IN12",
    summary="root-rogue (trusted) -> a CA with the name, key identifier and serial of intermediate-current, "
    "but another key -> leaf-rogue.",
    catches="a client that recognises its pinned CA by name",
    stages=(Stage(serve=CLONE),),
    expected=NEVER,
    fault="pin",
)

OTHER_HOST = Scenario(
    id="interception/other-host-certificate-from-pinned-ca",
    code="IN15",
    summary="root-current -> intermediate-current -> leaf-other for app.other.test: another customer of the CA.",
    catches="a client that pins a CA and does not check the host name",
    references=("Stone, Chothia, Garcia: Spinner (ACSAC 2017)", "CVE-2025-27809"),
    stages=(Stage(serve=GENUINE.rekey("leaf-other").name(FOREIGN_HOST)),),
    core=True,
    expected=NEVER,
    fault="name",
)

GENUINE_THEN_ROGUE = Scenario(
    id="interception/genuine-then-rogue",
    code="IN17",
    summary="First connection: the genuine chain. Second: that of BL6.",
    catches="a client that checks its first connection only",
    references=("http_certificate_pinning#39",),
    stages=(Stage(serve=GENUINE), Stage(serve=ROGUE)),
    core=True,
    expected=("AAAA RRRR", "AAAA RRRR"),
    fault="pin",
)

ROGUE_THEN_GENUINE = Scenario(
    id="interception/rogue-then-genuine",
    code="IN18",
    summary="First connection: the chain of BL6. Second: the genuine one.",
    catches="a client that trusts on first use, or stays locked out after one attack",
    stages=(Stage(serve=ROGUE), Stage(serve=GENUINE)),
    expected=("RRRR AAAA", "RRRR AAAA"),
    fault="pin",
)

ALL = (
    SELF_SIGNED,
    UNTRUSTED_CA,
    ONE_INTERMEDIATE,
    TWO_ROGUE_INTERMEDIATES,
    LEAF_APPENDED,
    ISSUERS_APPENDED,
    LEAF_SECOND,
    WITHOUT_KEY,
    CLONED_CA,
    OTHER_HOST,
    GENUINE_THEN_ROGUE,
    ROGUE_THEN_GENUINE,
)

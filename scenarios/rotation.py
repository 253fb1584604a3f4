"""Rotation: every change that the pins should survive, and those that they should not."""

from pindrill.model import ALWAYS, BACKUP, GENUINE, THIRD, TRUSTED_ROOTS, PinsOf, Scenario, Served, Stage

REKEYED = GENUINE.rekey("leaf-backup")
NEW_INTERMEDIATE = ("root-current", "intermediate-backup")


def rotation(
    condition: str, code: str, expected: tuple[str, str], to: Served, summary: str, catches: str, *references: str
) -> Scenario:
    """One rotation, shown alone; the backup pin covers what it leads to."""
    return Scenario(
        id=f"rotation/{condition}",
        code=code,
        summary=summary,
        catches=catches,
        references=references,
        stages=(Stage(serve=to),),
        pins=PinsOf(backup=to),
        expected=expected,
    )


def uncommon_leaf(kind: str, text: str) -> Scenario:
    return rotation(
        f"uncommon-key-types-leaf-{kind}",
        "RO10",
        ("RRAA", "AAAA"),
        GENUINE.rekey(f"leaf-{kind}"),
        f"Re-key to a leaf of the uncommon type {text}, same issuer.",
        "a client that cannot digest, or not even read, such a key",
        "TrustKit: keys of five types only",
    )


def uncommon_root(kind: str, text: str) -> Scenario:
    served = GENUINE.switch_issuer(f"root-{kind}", "intermediate-current")
    return Scenario(
        id=f"rotation/uncommon-key-types-root-{kind}",
        code="RO10",
        summary=f"The genuine leaf and intermediate under a pinned root of the uncommon type {text}.",
        catches="a client that walks the chain from the root and stops at a key it does not know",
        references=("TrustKit: keys of five types only",),
        stages=(Stage(serve=served),),
        pins=PinsOf(pinned=served),
        trust=(*TRUSTED_ROOTS, f"root-{kind}"),
        expected=ALWAYS,
    )


RENEWAL = rotation(
    "same-key-same-issuer",
    "RO1",
    ("RAAA", "AAAA"),
    GENUINE.renew(),
    "Renewal: leaf-current certified again by intermediate-current.",
    "a pin on the certificate where the key was meant",
)
REKEY = rotation(
    "new-key-same-issuer",
    "RO2",
    ("RRAA", "AAAA"),
    REKEYED,
    "Re-key: leaf-backup certified by intermediate-current.",
    "a backup pin that is dead",
    "RFC 7469 section 4.3",
)
NEW_ISSUER = rotation(
    "same-key-new-intermediate",
    "RO3",
    ("RARA", "AAAA"),
    GENUINE.switch_issuer(*NEW_INTERMEDIATE),
    "leaf-current certified by intermediate-backup, under the same root.",
    "an intermediate pin where the CA rotates its intermediates",
)
NEW_KEY_NEW_ISSUER = rotation(
    "new-key-new-intermediate",
    "RO4",
    ("RRRA", "AAAA"),
    REKEYED.switch_issuer(*NEW_INTERMEDIATE),
    "leaf-backup certified by intermediate-backup, under the same root.",
    "leaf and intermediate pins without a backup",
)
CROSS_SIGNED_ROOT = Scenario(
    id="rotation/new-root-cross-signed",
    code="RO5",
    summary="leaf-backup <- intermediate-backup <- root-backup, which root-current has cross-signed; "
    "the client knows root-current only.",
    catches="a client that cannot follow a cross-signed path to its pinned root",
    references=("RFC 4158",),
    stages=(Stage(serve=BACKUP.cross_sign("root-current")),),
    pins=PinsOf(backup=BACKUP),
    trust=tuple(root for root in TRUSTED_ROOTS if root != "root-backup"),
    expected=("RRRA", "AAAA"),
)
CA_SWITCH = rotation(
    "ca-switch",
    "RO6",
    ("RRRR", "AAAA"),
    BACKUP,
    "leaf-backup <- intermediate-backup <- root-backup: another CA altogether.",
    "any pin without a backup",
)
EACH_BACKUP = Scenario(
    id="rotation/each-backup-key-alone",
    code="RO7",
    summary="Each listed key in turn: the genuine chain, then the one that only the backup pin covers.",
    catches="a client that uses the first pin of its set only",
    references=("RFC 7469 section 4.3",),
    stages=(Stage(serve=GENUINE), Stage(serve=BACKUP)),
    needs_backup=True,
    core=True,
    expected=("---- ----", "AAAA AAAA"),
)
EMERGENCY_REKEY = Scenario(
    id="rotation/emergency-rekey-then-old-key",
    code="RO8",
    summary="Re-key to leaf-backup; the pins are updated, leaf-current is retired; then leaf-current reappears.",
    catches="a client that goes on accepting a retired key",
    stages=(
        Stage(serve=REKEYED),
        Stage(serve=GENUINE, pins=PinsOf(pinned=REKEYED, backup=THIRD)),
    ),
    pins=PinsOf(backup=REKEYED),
    expected=("RRAA RRAA", "AAAA RRAA"),
)
RSA_TO_ECDSA = Scenario(
    id="rotation/rsa-leaf-to-ecdsa",
    code="RO9",
    summary="The pinned leaf key is RSA; the server moves to the ECDSA key leaf-backup, same issuer.",
    catches="a client that offers only the algorithms of its first pin",
    stages=(Stage(serve=REKEYED),),
    pins=PinsOf(pinned=GENUINE.rekey("leaf-rsa"), backup=REKEYED),
    genuine=GENUINE.rekey("leaf-rsa"),
    expected=("RRAA", "AAAA"),
)
REISSUED_INTERMEDIATE = Scenario(
    id="rotation/reissued-intermediate-same-key",
    code="RO18",
    summary="The genuine leaf; its intermediate was certified again: same key, new certificate.",
    catches="a pin on the intermediate's certificate where its key was meant",
    stages=(Stage(serve=GENUINE.present("leaf", "reissued-issuers")),),
    expected=ALWAYS,
)
REISSUED_ROOT = Scenario(
    id="rotation/reissued-root-same-key",
    code="RO19",
    summary="The genuine chain; the client's store holds the root's new certificate, of the same key.",
    catches="a pin on the root's certificate where its key was meant",
    stages=(Stage(serve=GENUINE),),
    trust=("root-current@2", *TRUSTED_ROOTS[1:]),
    expected=ALWAYS,
)
FORWARD_THEN_BACK = Scenario(
    id="rotation/roll-forward-then-back",
    code="RO22",
    summary="The genuine chain, then leaf-backup (same issuer), then the genuine chain again.",
    catches="a client that forgets a pin once it has seen the other",
    stages=(Stage(serve=GENUINE), Stage(serve=REKEYED), Stage(serve=GENUINE)),
    pins=PinsOf(backup=REKEYED),
    expected=("AAAA RRAA AAAA", "AAAA AAAA AAAA"),
)
THIRD_KEY = Scenario(
    id="rotation/third-listed-key",
    code="RO26",
    summary="Three pins; the server shows a chain that only the third one covers.",
    catches="a client that reads two pins of a list",
    stages=(Stage(serve=THIRD),),
    pins=PinsOf(third=THIRD),
    needs_backup=True,
    expected=("----", "AAAA"),
)

ALL = (
    RENEWAL,
    REKEY,
    NEW_ISSUER,
    NEW_KEY_NEW_ISSUER,
    CROSS_SIGNED_ROOT,
    CA_SWITCH,
    EACH_BACKUP,
    EMERGENCY_REKEY,
    RSA_TO_ECDSA,
    uncommon_leaf("p521", "P-521"),
    uncommon_leaf("ed25519", "Ed25519"),
    uncommon_leaf("rsa3072", "RSA-3072"),
    uncommon_leaf("rsa8192", "RSA-8192"),
    uncommon_root("p521", "P-521"),
    uncommon_root("ed25519", "Ed25519"),
    uncommon_root("rsa3072", "RSA-3072"),
    uncommon_root("rsa8192", "RSA-8192"),
    REISSUED_INTERMEDIATE,
    REISSUED_ROOT,
    FORWARD_THEN_BACK,
    THIRD_KEY,
)

"""The result line: the verdict on one cell, with all that it rests on.

A line of JSON in a results file. `ci/generate.py` makes the published schema (reports/schemas/result.schema.json) from
these types. Fields are added, never changed: a new one has a default, which is not written and stands for what earlier
versions did not tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from pindrill.judge import Attribution, Control
from pindrill.model import ClientHello, ClientReport, Expect, Observation, Stray, TlsVersion, VerdictWord

_Line = TypeVar("_Line", bound=Struct)

VERSION: Literal[1] = 1

NonEmpty = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Digest = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$")]
StrategyName = Literal[
    "leaf-cert",
    "leaf-cert+backup",
    "leaf-spki",
    "leaf-spki+backup",
    "intermediate-spki",
    "intermediate-spki+backup",
    "root-spki",
    "root-spki+backup",
    "-",
]


class ServedCertificate(Struct, frozen=True, kw_only=True):
    subject: str
    """Common name of the subject."""
    issuer: str
    """Distinguished name of the issuer."""
    names: tuple[str, ...]
    """Its DNS names."""
    not_before: int
    """Unix time in seconds."""
    not_after: int
    """Unix time in seconds."""
    spki_sha256: Digest
    """SHA-256 of its subject public key info, in base64."""
    certificate_sha256: Digest
    """SHA-256 of the whole certificate, in base64."""
    pinned: bool
    """Whether the client was told a pin that this certificate matches."""


@dataclass(frozen=True, kw_only=True)
class ToldObservation(Observation):
    story: NonEmpty
    """The connection in one line, for people."""
    mitmproxy_event: str | UnsetType = UNSET
    """Present where mitmproxy stood in between: what its own event said of the connection."""
    mitmproxy_would_mislead: str | UnsetType | None = UNSET
    """How that event alone would have misled; null: it would not."""


class RunResult(Struct, frozen=True, kw_only=True):
    """One attempt, from both sides."""

    report: ClientReport
    observations: tuple[ToldObservation, ...]
    """The connections that were shown this stage's credential."""
    strays: tuple[Stray, ...]
    """Where else the request secret arrived."""


class StageResult(Struct, frozen=True, kw_only=True):
    expected: Expect
    """What a correct client does with this stage."""
    because: str
    """The oracle's sentence."""
    served: Annotated[tuple[ServedCertificate, ...], Meta(min_length=1)]
    """The certificate list presented, in order."""
    pins: tuple[str, ...] | None
    """The pin texts that the client was told, verbatim, or has compiled in from its keyring; null: none are known."""
    runs: Annotated[tuple[RunResult, ...], Meta(min_length=1)]
    """Refusals without an alert are run twice."""


class TwinAnswers(Struct, frozen=True, kw_only=True):
    genuine: Control
    """The genuine twin: without it no refusal passes."""
    pin: Control
    """The pin twin: the same server, pins that cover the key it shows."""


class KnownReason(Struct, frozen=True, kw_only=True):
    reason: NonEmpty
    source: str
    """Where the deviation is documented; may be empty."""


class ResultLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a results file (JSON Lines): one cell, that is one scenario under one pin strategy and one TLS
    version, for one client. Fields are added in later versions of pindrill, never changed.
    """

    version: Literal[1]
    """Version of this format."""
    pindrill: NonEmpty
    """Version of pindrill that ran the cell."""
    client: NonEmpty
    """Name of the client."""
    client_version: str
    """The version line that the client prints of itself; empty: unknown."""
    scenario: Annotated[str, Meta(pattern="^[a-z0-9-]+/[a-z0-9-]+$")]
    """Scenario id."""
    code: Annotated[str, Meta(pattern="^[A-Z]{2}[0-9]+$")]
    """Short code of the scenario's catalogue row."""
    strategy: StrategyName
    """Which keys of the genuine hierarchy are pinned; -: not known, or none."""
    tls: TlsVersion
    """The one TLS version that the server speaks."""
    round: Count
    """Which of the rounds that --repeat asked for; 0 is the first."""
    pins: tuple[str, ...]
    """The pin texts that the client was told in the first stage, verbatim, or has compiled in from its keyring; empty:
    none are known.
    """
    semantics: Annotated[
        str, Meta(pattern="^position=(validated|leaf|presented),mode=(restrict|replace|add),host=(on|off)$")
    ]
    """How the client declares that it pins."""
    expected: Expect
    """What a correct client does in the stage that matters most: one that must be refused, if any."""
    verdict: VerdictWord
    """The judgement. fail-open, leaked, downgrade, client-auth-leak, early-data-leak, false-success, outage and
    outage-deferred violate the expectation; inconclusive and error could not be judged.
    """
    attribution: Attribution
    """What a refusal was due to."""
    control: TwinAnswers
    """How the twins of the cell went, which a correct client accepts."""
    reason: NonEmpty
    """The verdict in a sentence."""
    summary: NonEmpty
    """What the scenario serves."""
    catches: NonEmpty
    """The mistake that the scenario provokes."""
    repeat: NonEmpty
    """The shell command that runs exactly this cell again; secrets in it are left out, and it says so."""
    client_seconds: Annotated[float, Meta(ge=0)]
    """Seconds that the client's attempts took, in all stages and runs."""
    known: KnownReason | None
    """Set where the client's file lists this verdict as a known deviation."""
    stages: tuple[StageResult, ...]
    """Empty for a cell that was not run."""
    shard: Annotated[str, Meta(pattern="^[0-9]+/[0-9]+$")] = ""
    """Present on a line of a part of a run: --shard."""
    supersedes: bool = False
    """Present on a line that takes the place of an earlier line of the same cell: a secret arrived after it was
    judged.
    """
    unwatched: Annotated[tuple[str, ...], Meta(min_length=1)] = ()
    """Present where the harness could not watch everything: a request in plain text could have gone there without
    being seen.
    """
    vacuous: NonEmpty = ""
    """Present where nothing was tried that the scenario is about, and why: such a pass shows nothing."""
    via: NonEmpty = ""
    """Present where the client met another interceptor than ours: its name and version."""
    through: Annotated[str, Meta(pattern="^(connect|socks|https)$")] = ""
    """Present where the client was told a proxy of ours: --through."""


def line_text(line: Struct) -> str:
    return text_of(plain_line(line))


def text_of(plain: Mapping[str, Any]) -> str:
    """One line of JSON, in ASCII: what a client printed may hold anything, half a surrogate pair as well."""
    return json.dumps(plain, separators=(",", ":"))


def plain_line(line: Struct) -> dict[str, Any]:
    """What stands in the line's JSON, as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(line)
    return plain


def line_of(plain: Mapping[str, Any]) -> ResultLine:
    """Of plain values that the schema allows, as any version wrote them."""
    stages = [{**stage, "runs": [_completed(run) for run in stage["runs"]]} for stage in plain["stages"]]
    return msgspec.convert({**plain, "stages": stages}, ResultLine)


def _completed(run: Mapping[str, Any]) -> dict[str, Any]:
    """With the facts that its version did not watch for."""
    return {
        **run,
        "observations": [_with_later_facts(seen) for seen in run["observations"]],
        "strays": [{**stray, "observation": _with_later_facts(stray["observation"])} for stray in run["strays"]],
    }


def _with_later_facts(seen: Mapping[str, Any]) -> dict[str, Any]:
    hello = seen["hello"] and {**ClientHello.LATER, **seen["hello"]}
    return {**Observation.LATER, **seen, "hello": hello}


def with_texts(line: _Line, change: Callable[[Any], Any], *, where: re.Pattern[bytes]) -> _Line:
    """With the texts that `change` makes of its plain values; as it is where `where` finds nothing in its JSON."""
    try:
        if not where.search(msgspec.json.encode(line)):
            return line
    except UnicodeEncodeError:  # half a surrogate pair
        pass
    return msgspec.convert(change(plain_line(line)), type(line))


_PLAIN, _TYPED = msgspec.json.Decoder(), msgspec.json.Decoder(ResultLine)


def parsed(raw: bytes) -> Any:
    """As plain values. ValueError or RecursionError: it is no JSON."""
    try:
        return _PLAIN.decode(raw)
    except msgspec.DecodeError:  # JSON may name half a surrogate pair, which this decoder takes for damage
        return json.loads(raw)


def read_line(raw: bytes) -> ResultLine:
    """As `line_of` the plain values, and faster where this version wrote them."""
    try:
        return _TYPED.decode(raw)
    except msgspec.DecodeError:
        return line_of(parsed(raw))

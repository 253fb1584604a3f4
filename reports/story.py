"""What happened in one cell, in plain words: what was served, what the client did, what the twins did.

Pure: a result line in, a `Story` out. The HTML report draws it, others may print it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pindrill.model import ClientHello, ClientReport, Expect, Observation
from pindrill.reports.plain import common_name, moment
from pindrill.reports.tame import harmless_output
from pindrill.results.line import ResultLine, RunResult, ServedCertificate, StageResult

Tone = Literal["", "good", "bad"]

MAX_PRINTED = 4000
"""Characters of a client's output that are shown."""

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    116: "certificate_required",
    120: "no_application_protocol",
}
_TLS = {0x0304: "TLS 1.3", 0x0303: "TLS 1.2", 0x0302: "TLS 1.1", 0x0301: "TLS 1.0"}
_SAID = {
    "accepted": "reports: accepted",
    "refused": "reports: refused",
    "unsupported": "says that it cannot do this",
    "error": "its adapter failed",
    "died": "died",
    "cannot-run": "could not be started",
    "timeout": "did not end by itself before the deadline",
    "silent": "said nothing",
}
_MUST = {
    "accept": "A correct client accepts this",
    "refuse": "A correct client refuses this",
    "report": "Correct clients differ here, so it is told, not judged",
    "config-error-or-refuse": "A correct client reports its malformed pins, or refuses",
}
_DATA_TONE: Mapping[str, Tone] = {"accept": "good", "refuse": "bad", "report": "", "config-error-or-refuse": "bad"}


@dataclass(frozen=True, kw_only=True)
class Certificate:
    subject: str
    issuer: str
    names: tuple[str, ...]
    since: str
    until: str
    spki: str
    certificate: str
    pinned: bool
    follows: bool
    """It has the name that the one before it names as its issuer; true for the first."""
    names_itself: bool
    """As its issuer."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    value: str
    matches: tuple[int, ...]
    """Which of the certificates presented, from 1."""


@dataclass(frozen=True, kw_only=True)
class Event:
    ms: float | None
    """Since the first connection of the attempt; None: at its end."""
    connection: int | None
    text: str
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    events: tuple[Event, ...]
    output: tuple[tuple[str, str], ...]
    """What the client printed: (where, text)."""


@dataclass(frozen=True, kw_only=True)
class StageStory:
    must: str
    because: str
    chain: tuple[Certificate, ...]
    pins: tuple[Pin, ...] | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, kw_only=True)
class Story:
    reason: str
    why: tuple[str, ...]
    """What the verdict rests on beside the wire: the twins, a known deviation."""
    repeat: str
    stages: tuple[StageStory, ...]


def tell(line: ResultLine) -> Story:
    line = harmless_output(line)
    return Story(
        reason=line.reason,
        why=tuple(_why(line)),
        repeat=line.repeat,
        stages=tuple(_stage(stage) for stage in line.stages),
    )


def _why(line: ResultLine) -> Iterator[str]:
    genuine, pin = line.control.genuine, line.control.pin
    if genuine == "accepted":
        yield "The same client accepted the genuine server under the same conditions, so that a refusal counts."
    elif genuine in ("refused", "inconclusive"):
        yield (
            "The same client did not accept the genuine server under the same conditions "
            f"({genuine}): its refusals prove nothing."
        )
    if pin == "accepted":
        yield "The same server was accepted with pins that cover its key."
    elif pin == "refused":
        yield "The same server was refused even with pins that cover its key."
    attribution = {
        "pin": "So the refusal was the pin's doing.",
        "other": "So the refusal had another reason than the pin.",
    }.get(line.attribution)
    if attribution and pin in ("accepted", "refused"):
        yield attribution
    if line.known:
        source = line.known.source
        yield f"Known deviation: {line.known.reason}" + (f" (source: {source})" if source else "")


def _stage(stage: StageResult) -> StageStory:
    served = stage.served
    wanted = stage.expected
    return StageStory(
        must=_MUST[wanted],
        because=stage.because,
        chain=tuple(_certificate(each, served[number - 1] if number else None) for number, each in enumerate(served)),
        pins=None if stage.pins is None else tuple(_pin(value, served) for value in stage.pins),
        attempts=tuple(_attempt(run, wanted) for run in stage.runs),
    )


def _certificate(value: ServedCertificate, before: ServedCertificate | None) -> Certificate:
    issuer = common_name(value.issuer)
    return Certificate(
        subject=value.subject,
        issuer=issuer,
        names=tuple(value.names),
        since=moment(value.not_before),
        until=moment(value.not_after),
        spki=value.spki_sha256,
        certificate=value.certificate_sha256,
        pinned=value.pinned,
        follows=before is None or common_name(before.issuer) == value.subject,
        names_itself=issuer == value.subject,
    )


def _pin(value: str, served: Sequence[ServedCertificate]) -> Pin:
    digests = [(each.spki_sha256, each.certificate_sha256) for each in served]
    return Pin(value=value, matches=tuple(number for number, two in enumerate(digests, start=1) if value in two))


# --- the time line ---------------------------------------------------------------------------------------------


def _attempt(run: RunResult, wanted: Expect) -> Attempt:
    report, seen = run.report, run.observations
    every = [*seen, *(stray.observation for stray in run.strays)]
    begins = min((each.accepted_at for each in every), default=report.ending_at)
    timed: list[tuple[int, Event]] = []
    for connection in seen:
        for at, text, tone in _connection(connection, wanted):
            timed.append((at, Event(ms=_ms(at, begins), connection=connection.number, text=text, tone=tone)))
    for stray in run.strays:
        there = stray.observation
        at = there.first_data_at or there.accepted_at
        line = f": {there.request_line}" if there.request_line else ""
        text = f"the request secret arrived elsewhere ({stray.where}){line}"
        timed.append((at, Event(ms=_ms(at, begins), connection=None, text=text, tone="bad")))
    if report.ending_at:
        text = "the harness began to end the client; from here on no end of a connection counts"
        timed.append((report.ending_at, Event(ms=_ms(report.ending_at, begins), connection=None, text=text)))
    timed.sort(key=lambda each: each[0])
    events = [event for _, event in timed]
    if not seen:
        events.insert(0, Event(ms=None, connection=None, text="no connection was made to the server"))
    unplaced = [
        Event(ms=None, connection=each.number, text=text, tone=tone)
        for each in seen
        for text, tone in _beside_tls(each)
    ]
    open_ones = [
        Event(ms=None, connection=each.number, text="the connection was still open at the end")
        for each in seen
        if each.ended == "open"
    ]
    output = {"stdout": report.stdout, "stderr": report.stderr}
    printed = tuple((name, text[:MAX_PRINTED]) for name, text in output.items() if text.strip())
    return Attempt(events=(*events, *unplaced, *open_ones, _said(report, wanted)), output=printed)


def _ms(at: int, begins: int) -> float:
    return round((at - begins) / 1e6, 2)


def _connection(seen: Observation, wanted: Expect) -> Iterator[tuple[int, str, Tone]]:
    """(when, what, tone) of what happened, as far as it did."""
    data_tone = _DATA_TONE[wanted]
    yield seen.accepted_at, "connects", ""
    hello = seen.hello
    if hello:
        yield hello.at, _hello(hello), ""
    if seen.flight_sent_at:
        resumed = "the server resumes a session, no certificate is shown" if seen.resumed else ""
        yield seen.flight_sent_at, resumed or "the server's certificates have been sent", ""
    for alert in seen.alerts:
        if alert.number or (seen.ended == "open" and not alert.sent):
            who = "the server sends" if alert.sent else "sends"
            name = ALERTS.get(alert.number, "unknown")
            yield alert.at, f"{who} alert {alert.number} ({name})", ""
    if seen.finished_at:
        yield seen.finished_at, f"completes the handshake ({seen.tls_version}, {seen.cipher})", ""
    if seen.client_certificate:
        yield seen.finished_at or seen.accepted_at, "has sent its client certificate", data_tone
    if seen.data_bytes:
        yield seen.first_data_at or seen.accepted_at, _data(seen), data_tone
    elif seen.boilerplate_bytes:
        text = f"sends {seen.boilerplate_bytes} bytes of protocol boilerplate, nothing of the user's"
        yield seen.first_data_at or seen.finished_at or seen.accepted_at, text, ""
    if seen.response_sent_at:
        yield seen.response_sent_at, "the server has sent its whole answer", ""
    if seen.ended != "open":
        how = {"fin": "closes the connection", "reset": "resets the connection"}[seen.ended]
        failure = f" ({seen.failure})" if seen.failure else ""
        yield seen.ended_at, how + (", after close_notify" if seen.close_notify else "") + failure, ""


def _beside_tls(seen: Observation) -> Iterator[tuple[str, Tone]]:
    """What is known, but not when it was. Results of earlier versions lack the second."""
    if seen.plain_secrets:
        yield "sends the request secret in plain text on the socket of its TLS connection", "bad"
    if unread := seen.unread_bytes:
        yield f"sends {unread} bytes after the alert that ended its TLS connection: nobody could read them", "bad"


def _hello(hello: ClientHello) -> str:
    versions = ", ".join(_TLS[each] for each in hello.versions if each in _TLS)
    name = f"asks for {hello.sni}" if hello.sni else "names no host"
    alpn = f", ALPN {', '.join(hello.alpn)}" if hello.alpn else ""
    early = ", early data" if hello.early_data_offered else ""
    resume = ", wants to resume a session" if hello.psk_offered else ""
    return f"ClientHello: {name}; offers {versions or 'no version known here'}{alpn}{resume}{early}"


def _data(seen: Observation) -> str:
    how = "sends in plain text" if seen.plaintext else "sends readable data"
    secret = ", the request secret among it" if seen.secrets else ""
    early = f", {seen.early_data_bytes} of them as early data" if seen.early_data_bytes else ""
    line = f": {seen.request_line}" if seen.request_line else ""
    return f"{how}, {seen.data_bytes} bytes{early}{secret}{line}"


def _said(report: ClientReport, wanted: Expect) -> Event:
    text = _SAID[report.said]
    if report.exit_code is not None:
        text += f", exit code {report.exit_code}"
    if report.canary_out:
        text += "; the text of the answer came out of it"
    if report.detail:
        text += f": {report.detail}"
    tone: Tone = ""
    if wanted in ("accept", "refuse") and report.said in ("accepted", "refused"):
        tone = "good" if report.said.startswith(wanted) else "bad"
    return Event(ms=None, connection=None, text=text, tone=tone)

"""Shipped pins against planned chains: pure, by the oracle, with the semantics of each file's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pindrill import _core
from pindrill.pinfiles.digests import encoded
from pindrill.pinfiles.hosts import missed_rule
from pindrill.pinfiles.model import DeclaredPin, Expiry, PinRule
from pindrill.pinfiles.names import canonical, meant, why_no_host
from pindrill.pinfiles.oracle import Prediction, predict
from pindrill.pinfiles.pin_file import PinFile, rules_for
from pindrill.preflight.model import CarryingPin, Chain, Instant, Outlook, State, Status, Whose, as_datetime


def check(
    pin_files: Sequence[PinFile], chains: Sequence[Chain], *, at: datetime, hosts: Sequence[str] = ()
) -> list[Outlook]:
    """What a correct client of each file does with each chain at that time. No hosts: those that both are for."""
    return [
        _outlook(pin_file, chain, host, int(at.timestamp()))
        for chain in chains
        for pin_file in pin_files
        for host in (list(hosts) or hosts_of(pin_file, chain) or [""])
    ]


def hosts_of(pin_file: PinFile, chain: Chain) -> list[str]:
    """Names that the leaf is for and the file has rules for, or means to have; a wildcard's are tried on the file's."""
    names = [canonical(name) for name in chain.leaf.dns_names]
    own = [meant(rule.domain) for rule in pin_file.rules if rule.domain and rule.apex]
    matched = [name for name in own if f"*.{name.partition('.')[2]}" in names and name not in names]
    plain = [name for name in names if not name.startswith("*.")]
    return [
        name for name in dict.fromkeys((*plain, *matched)) if rules_for(pin_file, name) or missed_rule(pin_file, name)
    ]


def _outlook(pin_file: PinFile, chain: Chain, host: str, at: Instant) -> Outlook:
    rules = rules_for(pin_file, host) if host else ()
    missed = missed_rule(pin_file, host) if host and not rules else None
    line = rules[0].line if rules else missed.line if missed else 1
    if not host:
        state = State(status=Status.UNKNOWN, reason=_no_common_host(pin_file, chain))
        rest: list[tuple[Instant, State]] = []
    else:
        (_, state), *rest = timeline(pin_file, chain, host, at)
    until, then = next((change for change in rest if change[1].status is not state.status), (None, None))
    return Outlook(
        file=pin_file.path,
        format=pin_file.format.name,
        line=line,
        host=host,
        chain=chain.name,
        status=state.status,
        reason=state.reason,
        pins=tuple(_carrying(pin_file, chain, host, at)) if state.status is Status.ACCEPTS else (),
        until=until,
        then=then,
        assumed=chain.trust.assumed,
    )


def _no_common_host(pin_file: PinFile, chain: Chain) -> str:
    theirs = ", ".join(chain.leaf.dns_names[:5]) or "no host name"
    ours = ", ".join(dict.fromkeys(rule.domain for rule in pin_file.rules[:5])) or "no host"
    return f"the file has pins for {ours}, the certificate is for {theirs}: name the host with --host"


# --- now -------------------------------------------------------------------------------------------------------


def state_at(pin_file: PinFile, chain: Chain, host: str, at: Instant) -> State:
    prediction = _predict(pin_file, chain, host, at)
    match prediction.answer:
        case "accept" if prediction.pinned:
            return State(status=Status.ACCEPTS, reason=prediction.reason)
        case "accept":
            return State(status=Status.UNPROTECTED, reason=prediction.reason + _missed(pin_file, host))
        case "report":
            return State(status=Status.DIFFERS, reason=prediction.reason)
        case "inconclusive":
            return State(status=Status.UNKNOWN, reason=prediction.reason)
    if not chain.trust.complete and _may_be_on_the_root(pin_file, chain, host, at):
        return State(
            status=Status.UNKNOWN,
            reason="no pin matches the certificates that were given, and the root, which a pin may be on, is not known",
        )
    return State(status=Status.LOCKED_OUT, reason=prediction.reason)


def _missed(pin_file: PinFile, host: str) -> str:
    rule = None if rules_for(pin_file, host) else missed_rule(pin_file, host)
    if rule is None:
        return ""
    return f"; '{rule.domain}' on line {rule.line} does not match it: {why_no_host(rule.domain)}"


def _predict(pin_file: PinFile, chain: Chain, host: str, at: Instant) -> Prediction:
    return predict(
        translated(pin_file, chain.stands_for),
        trust=chain.trust.certificates,
        presented=chain.certificates,
        host=host,
        at=as_datetime(at),
    )


def translated(pin_file: PinFile, stands_for: Mapping[str, str]) -> PinFile:
    """The pins, on stand-ins of the keys that they are on."""
    if not stands_for:
        return pin_file
    rules = (
        replace(
            rule,
            pins=tuple(_translated(pin, stands_for) for pin in rule.pins),
            ca_pins=tuple(_translated(pin, stands_for) for pin in rule.ca_pins),
        )
        for rule in pin_file.rules
    )
    return replace(pin_file, rules=tuple(rules))


def _translated(pin: DeclaredPin, stands_for: Mapping[str, str]) -> DeclaredPin:
    other = stands_for.get(pin.digest.hex()) if pin.digest else None
    return replace(pin, digest=bytes.fromhex(other)) if other else pin


def _may_be_on_the_root(pin_file: PinFile, chain: Chain, host: str, at: Instant) -> bool:
    """Only the pins are in the way, and they are compared with more than the leaf."""
    rules = rules_for(pin_file, host)
    if pin_file.crash or all(rule.position == "leaf" or rule.lockout for rule in rules):
        return False
    return _predict(replace(pin_file, rules=()), chain, host, at).answer == "accept"


# --- which pins ------------------------------------------------------------------------------------------------


def _carrying(pin_file: PinFile, chain: Chain, host: str, at: Instant) -> Iterator[CarryingPin]:
    rules = rules_for(pin_file, host)
    for rule in rules:
        for pin in rule.all_pins:
            found = _certificate_of(pin, rule, chain)
            if found is None:
                continue
            alone = replace(pin_file, rules=tuple(_only(pin, each) for each in rules))
            if _predict(alone, chain, host, at).answer in ("accept", "report"):
                certificate, whose = found
                yield CarryingPin(
                    text=f"{pin.algorithm}/{encoded(pin.digest or b'')}",
                    line=pin.line or rule.line,
                    whose=whose,
                    subject=certificate.common_name or certificate.subject,
                )


def _only(pin: DeclaredPin, rule: PinRule) -> PinRule:
    """Without the other pins of the list that it stands in; the other list still has to match."""
    if rule.position == "leaf-and-ca":
        if pin in rule.pins:
            return replace(rule, pins=(pin,))
        if pin in rule.ca_pins:
            return replace(rule, ca_pins=(pin,))
    return replace(rule, pins=tuple(each for each in rule.pins if each == pin))


def _certificate_of(pin: DeclaredPin, rule: PinRule, chain: Chain) -> tuple[_core.Certificate, Whose] | None:
    for number, certificate in enumerate((*chain.certificates, *chain.trust.certificates)):
        digest = _translated(pin, chain.stands_for).digest
        if digest and digest.hex() == digest_of(certificate, rule.of):
            whose: Whose = "root" if certificate.subject == certificate.issuer else "intermediate"
            return certificate, "leaf" if number == 0 else whose
    return None


def digest_of(certificate: _core.Certificate, of: str) -> str:
    """Hex."""
    if of == "certificate":
        return _core.Pin.of_certificate(certificate).hex
    return _core.Pin.of_key(_core.KeyPair.from_pem(certificate.pem)).hex


# --- until when ------------------------------------------------------------------------------------------------


def timeline(
    pin_file: PinFile, chain: Chain, host: str, start: Instant, end: Instant | None = None
) -> list[tuple[Instant, State]]:
    """The state at the start, and every later change: exact, since only known dates change it."""
    found = [(start, state_at(pin_file, chain, host, start))]
    for point in sorted(_turning_points(pin_file, chain, host)):
        if point <= start or (end is not None and point > end):
            continue
        state = state_at(pin_file, chain, host, point)
        if state != found[-1][1]:
            found.append((point, state))
    return found


def _turning_points(pin_file: PinFile, chain: Chain, host: str) -> set[Instant]:
    """A limit counts with the second itself or the one after it: both are asked."""
    limits = {
        limit
        for certificate in (*chain.certificates, *chain.trust.certificates)
        for limit in (certificate.not_before, certificate.not_after)
    }
    limits |= {edge for rule in rules_for(pin_file, host) if rule.expires for edge in _edges(rule.expires)}
    return {limit + step for limit in limits for step in (0, 1)}


def _edges(expires: Expiry) -> tuple[Instant, Instant]:
    return int(expires.earliest.timestamp()), int(expires.latest.timestamp())

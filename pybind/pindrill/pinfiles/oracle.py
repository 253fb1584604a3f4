"""From rules of a pin file to questions that the oracle answers, with the format's own semantics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pindrill import _core
from pindrill.pinfiles.model import DIGEST_OF_NOTHING, DeclaredPin, Expiry, PinRule
from pindrill.pinfiles.names import canonical
from pindrill.pinfiles.pin_file import PinFile, binds, rules_for

Edge = Literal["earliest", "latest"]
"""Which time zone's midnight ends a pin set that expires at local midnight."""
_EDGES: tuple[Edge, ...] = ("earliest", "latest")


@dataclass(frozen=True, kw_only=True)
class OracleQuestion:
    """The arguments of `_core.decide` beside trust, chain, host and time."""

    pin_sets: tuple[_core.PinSet, ...]
    position: Literal["validated", "leaf"] = "validated"
    mode: Literal["restrict", "replace", "add"] = "restrict"
    check_host: bool = True


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a correct client of the format does. `report`: clients differ; `inconclusive`: nothing can be said."""

    answer: Literal["accept", "refuse", "report", "inconclusive"]
    reason: str
    matched: str = ""
    """Common name of the certificate that a pin matched."""
    pinned: bool = False
    """Pins applied; False with `accept`: validation alone let the chain through."""


class CannotAsk(Exception):
    """The oracle has no words for this rule; says why."""


def as_oracle(
    pin_file: PinFile, host: str, leaf: _core.Certificate, *, expiry: Edge = "latest"
) -> tuple[OracleQuestion, ...]:
    """All of these must be accepted. `leaf` is the server's own certificate: no CA list is compared with it."""
    rules = rules_for(pin_file, host)
    binding = [rule for rule in rules if binds(pin_file, rule) and (rule.all_pins or rule.lockout)]
    if not binding:
        return (OracleQuestion(pin_sets=(), check_host=all(rule.check_host for rule in rules)),)
    kinds = {(rule.position == "leaf-and-ca", rule.mode, rule.check_host) for rule in binding}
    if len(kinds) > 1:
        raise CannotAsk("rules of different modes cover this host")
    if any(rule.lockout for rule in binding) and not all(rule.lockout for rule in binding):
        raise CannotAsk("one entry for this host can never match, another may")
    (united, mode, check_host), positions = kinds.pop(), {rule.position for rule in binding}
    if not united and len(positions) > 1:
        raise CannotAsk("rules of different positions cover this host")
    if united:
        return _leaf_and_ca(binding, host, leaf)
    if mode == "replace" and positions == {"ca"}:
        raise CannotAsk("a trust anchor that comes with the pin (DANE-TA) is not modelled")
    sets = [
        _pin_set(host, rule, _without_leaf(rule.pins, leaf) if rule.position == "ca" else rule.pins, expiry)
        for rule in binding
    ]
    position: Literal["validated", "leaf"] = "leaf" if positions == {"leaf"} else "validated"
    return (OracleQuestion(pin_sets=tuple(sets), position=position, mode=mode, check_host=check_host),)


def predict(
    pin_file: PinFile,
    *,
    trust: Sequence[_core.Certificate],
    presented: Sequence[_core.Certificate],
    host: str,
    at: datetime,
) -> Prediction:
    """Does a correct client that ships this file accept the presented chain for the host at that time?"""
    if not presented:
        return Prediction(answer="refuse", reason="no certificate was presented")
    if pin_file.crash:
        return Prediction(answer="refuse", reason=f"the app does not start: {pin_file.crash}")
    rules = rules_for(pin_file, host)
    if any(rule.anchors_override for rule in rules):
        return Prediction(answer="inconclusive", reason="overridePins switches pins off for some trust anchors")
    if pin_file.format.unpredictable and rules:
        return Prediction(answer="inconclusive", reason=pin_file.format.unpredictable)
    try:
        early, late = (
            _ask(as_oracle(pin_file, host, presented[0], expiry=edge), trust, presented, host, at) for edge in _EDGES
        )
    except CannotAsk as why:
        return Prediction(answer="inconclusive", reason=str(why))
    if pin_file.partial and not (early.answer == late.answer == "accept" and early.pinned and late.pinned):
        return Prediction(answer="inconclusive", reason="part of this file could not be read, it may pin more")
    if early.answer == late.answer:
        return early
    return Prediction(answer="report", reason="the pins expire today: devices differ by their time zone", pinned=True)


def _ask(
    questions: Sequence[OracleQuestion],
    trust: Sequence[_core.Certificate],
    presented: Sequence[_core.Certificate],
    host: str,
    at: datetime,
) -> Prediction:
    decisions = [
        _core.decide(
            question.pin_sets,
            trust,
            presented,
            canonical(host),
            int(at.timestamp()),
            position=question.position,
            mode=question.mode,
            check_host=question.check_host,
        )
        for question in questions
    ]
    worst = min(decisions, key=lambda decision: ("refuse", "report", "accept").index(decision.answer))
    return Prediction(
        answer=_ANSWERS[worst.answer],
        reason=worst.reason,
        matched=worst.matched,
        pinned=any(decision.pins_apply for decision in decisions),
    )


_ANSWERS: dict[str, Literal["accept", "refuse", "report"]] = {
    "accept": "accept",
    "refuse": "refuse",
    "report": "report",
}


def _leaf_and_ca(rules: Sequence[PinRule], host: str, leaf: _core.Certificate) -> tuple[OracleQuestion, ...]:
    """Entries that cover the host are united; of the two lists each that is there must match."""
    leaf_pins = tuple(pin for rule in rules for pin in rule.pins)
    ca_pins = _without_leaf(tuple(pin for rule in rules for pin in rule.ca_pins), leaf)
    questions = []
    if leaf_pins or rules[0].lockout:
        questions.append(OracleQuestion(pin_sets=(_pin_set(host, rules[0], leaf_pins, "latest"),), position="leaf"))
    if any(rule.ca_pins for rule in rules):
        questions.append(OracleQuestion(pin_sets=(_pin_set(host, rules[0], ca_pins, "latest"),)))
    return tuple(questions)


def _pin_set(host: str, rule: PinRule, pins: Sequence[DeclaredPin], expiry: Edge) -> _core.PinSet:
    """For this host alone, since the rules were chosen for it. An empty set is one that nothing matches."""
    if any(pin.algorithm != "sha256" for pin in pins):
        raise CannotAsk("a pin of another algorithm than SHA-256 is not compared here")
    digests = [] if rule.lockout else [pin.digest for pin in pins if pin.can_match and pin.digest != DIGEST_OF_NOTHING]
    parsed = [_core.Pin.parse(digest.hex(), rule.of) for digest in digests if digest]
    return _core.PinSet(canonical(host), parsed, expires=_instant(rule.expires, expiry))


def _instant(expires: Expiry | None, expiry: Edge) -> int | None:
    """Pins are off strictly after that midnight."""
    if expires is None:
        return None
    return int((expires.earliest if expiry == "earliest" else expires.latest).timestamp()) + 1


def _without_leaf(pins: Sequence[DeclaredPin], leaf: _core.Certificate) -> tuple[DeclaredPin, ...]:
    own = {_core.Pin.of_key(_core.KeyPair.from_pem(leaf.pem)).hex, _core.Pin.of_certificate(leaf).hex}
    return tuple(pin for pin in pins if pin.digest is None or pin.digest.hex() not in own)

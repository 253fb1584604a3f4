"""What a pin file says that another format has no equal for. Nothing of it is dropped in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.names import why_no_host
from pindrill.pinfiles.pin_file import FormatAbilities, PinFile

LossKind = Literal[
    "certificate",
    "algorithm",
    "never-matches",
    "mode",
    "enforcement",
    "override-pins",
    "lock-out",
    "subdomains",
    "position",
    "expires",
    "time-zone",
    "expired",
    "report-uris",
    "exclusion",
    "domain",
    "domain-form",
    "backup",
    "settings",
    "unread",
]
DROPPABLE: Collection[LossKind] = (
    "expires",
    "time-zone",
    "expired",
    "report-uris",
    "exclusion",
    "enforcement",
    "domain",
)
"""What may be left out when it is asked for; the rest would make other pins of it."""
Position = Literal["leaf", "ca"]


@dataclass(frozen=True, kw_only=True)
class Loss:
    kind: LossKind
    line: int
    what: str


_UNSAID: Mapping[str, LossKind] = {"unread": "unread", "domain-form": "domain-form"}
"""Findings about a part of a file that no rule came of, or one that matches nothing."""


def losses(file: PinFile, target: str, can: FormatAbilities, *, pins_are: Position | None, at: datetime) -> list[Loss]:
    """`pins_are`: of which certificates the pins are, where the target asks and this file does not say."""
    found = [loss for rule in meaningful(file) for loss in _of_rule(rule, target, can, pins_are, at)]
    told = {loss.line for loss in found}
    found += [
        Loss(kind=_UNSAID[finding.rule], line=finding.line, what=finding.message)
        for finding in file.findings
        if finding.rule in _UNSAID and finding.line not in told
    ]
    if can.one_rule and len(file.rules) > 1:
        found.append(Loss(kind="settings", line=1, what=f"several rules: {can.one_rule}"))
    return found


def meaningful(file: PinFile) -> list[PinRule]:
    """Without entries that neither pin a name nor exempt it from the pins of another."""
    return [rule for rule in file.rules if rule.all_pins or rule.lockout or rule.partial or _covered(rule, file)]


def _covered(rule: PinRule, file: PinFile) -> bool:
    return any(other.all_pins and other.domain != rule.domain for other in file.covering(rule.domain))


def _of_rule(
    rule: PinRule, target: str, can: FormatAbilities, pins_are: Position | None, at: datetime
) -> Iterator[Loss]:
    def loss(kind: LossKind, what: str, line: int = 0) -> Loss:
        return Loss(kind=kind, line=line or rule.line, what=f"{rule.domain or 'all hosts'}: {what}")

    yield from (loss(kind, what, pin.line) for pin in rule.all_pins for kind, what in _of_pin(pin, rule, can))
    if rule.partial:
        yield loss("unread", "more pins than could be read")
    if rule.lockout:
        yield loss("lock-out", f"no certificate is accepted ({rule.lockout})")
    if rule.mode not in can.modes:
        yield loss("mode", f"the pin does not go with validation but counts by itself ({rule.mode})")
    if not rule.enforce and not can.report_only:
        yield loss("enforcement", "a mismatch is only reported")
    if rule.anchors_override:
        yield loss("override-pins", "some trust anchors switch the pins off")
    if rule.report_uris and not can.report_uris:
        yield loss("report-uris", "reports on mismatches")
    if not rule.all_pins and can.exempt == "nothing":
        yield loss("exclusion", "a name that is exempt from pinning")
    if not rule.all_pins and rule.subdomains == "all" and can.exempt == "name":
        yield loss("exclusion", "a name that is exempt with everything below it, the target exempts one name")
    least = can.min_pins if rule.enforce else can.min_pins_reported
    if rule.all_pins and len({pin.digest for pin in rule.all_pins}) < least:
        yield loss("backup", f"one pin, {target} wants {can.min_pins}")
    yield from (loss(*each) for each in _of_names(rule, can))
    yield from (loss(*each) for each in _of_position(rule, can, pins_are) if rule.all_pins)
    yield from (loss(*each) for each in _of_expiry(rule, can, at))


def _of_pin(pin: DeclaredPin, rule: PinRule, can: FormatAbilities) -> Iterator[tuple[LossKind, str]]:
    if rule.of == "certificate":
        yield "certificate", f"'{pin.text[:60]}' is of a certificate, the target compares keys"
    if pin.algorithm != "sha256" and not (pin.algorithm == "sha1" and can.sha1):
        yield "algorithm", f"'{pin.text[:60]}' is a {pin.algorithm} digest"
    if not pin.can_match:
        yield "never-matches", f"'{pin.text[:60]}' is no digest, nothing matches it"


def _of_names(rule: PinRule, can: FormatAbilities) -> Iterator[tuple[LossKind, str]]:
    if not rule.domain:
        if not can.any_host:
            yield "settings", "the pins are for every host, the target wants names; give --host"
        return
    if not can.named_host:
        yield "domain", "the target holds no name, it belongs to the host that sends it"
    if why := why_no_host(rule.domain):
        yield "domain-form", f"the name matches no connection: {why}"
    if rule.subdomains not in can.subdomains:
        depth = {"none": "no subdomain", "one": "one label more", "all": "subdomains of any depth"}[rule.subdomains]
        yield "subdomains", f"covers {depth}"
    elif not rule.apex and (not can.apexless or rule.subdomains == "all"):
        yield "subdomains", "covers subdomains without the name itself"
    elif rule.apex and rule.subdomains == "one" and can.position == "leaf":
        yield "subdomains", "covers the name itself and one label more"


def _of_position(rule: PinRule, can: FormatAbilities, pins_are: Position | None) -> Iterator[tuple[LossKind, str]]:
    lists = bool(rule.pins) + bool(rule.ca_pins)
    if can.position == "any" and lists == 2:
        yield "position", "a leaf pin and a CA pin must match together"
    if can.position == "any" and rule.ca_pins and rule.position == "leaf-and-ca":
        return
    if can.position == "leaf" and (rule.ca_pins or rule.position == "ca"):
        yield "position", "pins on CAs, the target compares the server's own key"
    elif can.position != "any" and rule.position == "any" and pins_are is None:
        yield "position", "pins that any certificate of the chain may match; say of which they are with --pins-are"
    elif can.position == "leaf" and pins_are == "ca":
        yield "position", "pins on CAs, the target compares the server's own key"


def _of_expiry(rule: PinRule, can: FormatAbilities, at: datetime) -> Iterator[tuple[LossKind, str]]:
    if rule.expires is None:
        return
    if can.expires is None:
        yield "expires", f"the pins expire on {rule.expires.day.isoformat()}"
        if at > rule.expires.earliest:
            yield "expired", "the pins have expired, in the target they would bind again"
    elif can.expires != rule.expires.zone:
        zones = {"utc": "midnight UTC", "local": "local midnight"}
        yield "time-zone", f"the pins expire at {zones[rule.expires.zone]}, in the target at {zones[can.expires]}"

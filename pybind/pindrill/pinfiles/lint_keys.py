"""Pins looked at as keys: public and interception CAs, and the chain that a server shows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from pindrill import _core
from pindrill.pinfiles import known_keys
from pindrill.pinfiles.known_keys import certificate_digest, key_digest
from pindrill.pinfiles.model import DeclaredPin, PinRule, Severity
from pindrill.pinfiles.names import canonical
from pindrill.pinfiles.pin_file import PinFile, binds, rules_for
from pindrill.pinfiles.rules import Notes

_NEVER = "it is compared with another digest: it never matches"
_MAKE = "make it with `pindrill pins of CERTIFICATE`"


def note_known_keys(file: PinFile, notes: Notes) -> None:
    for rule in file.rules:
        for pin, position in _placed(rule):
            if pin.digest is not None and pin.algorithm == "sha256":
                _note_known(pin, pin.digest.hex(), position, rule, notes)


def _note_known(pin: DeclaredPin, digest: str, position: str, rule: PinRule, notes: Notes) -> None:
    shown = pin.text[:60]
    if digest in known_keys.INTERCEPTION:
        notes.add(
            "interception-ca",
            pin.line or rule.line,
            f"'{shown}' is the key of {known_keys.INTERCEPTION[digest]}",
            effect="its private key is in public hands: whoever has it reads the traffic",
            fix="remove it",
        )
    authority = known_keys.public_keys().get(digest)
    if authority and rule.of == "spki" and position == "leaf":
        _note_at_leaf(pin, rule, f"the public CA '{authority}'", notes)
    elif authority and rule.of == "spki":
        notes.add(
            "public-ca",
            pin.line or rule.line,
            f"'{shown}' is the key of the public CA '{authority}'",
            effect="everybody who gets a certificate for the host from it passes; and when it retires this key, "
            "or another of its roots is used, users are locked out",
            fix="pin the host's own key and a backup; or keep it and pin a second CA beside it",
        )
    elif digest in known_keys.public_certificates() and rule.of == "spki":
        name = known_keys.public_certificates()[digest]
        _note_certificate(pin, rule, f"the certificate of the public CA '{name}'", notes)


def _placed(rule: PinRule) -> Iterator[tuple[DeclaredPin, str]]:
    """Each pin with where in the chain it is looked for: leaf, ca or any."""
    united = rule.position == "leaf-and-ca"
    yield from ((pin, "leaf" if united else rule.position) for pin in rule.pins)
    yield from ((pin, "ca") for pin in rule.ca_pins)


# --- against a chain -------------------------------------------------------------------------------------------


def note_chain(file: PinFile, chain: Sequence[_core.Certificate], hosts: Sequence[str], notes: Notes) -> None:
    """Do the pins of each rule that covers the chain's host match a certificate of it?"""
    full = [*chain, *_missing_root(chain[-1])]
    rooted = full[-1].subject == full[-1].issuer
    names = list(hosts) or [canonical(name) for name in chain[0].dns_names]
    for rule in _rules_of(file, names):
        lists = [pins for pins in ((rule.pins, False), (rule.ca_pins, True)) if pins[0]]
        for pins, authorities in lists if binds(file, rule) and not rule.partial else ():
            position = "ca" if authorities or rule.position == "ca" else rule.position
            position = "leaf" if position == "leaf-and-ca" else position
            _note_set(pins, position, rule, full, rooted, notes)


def _rules_of(file: PinFile, names: Sequence[str]) -> list[PinRule]:
    found: list[PinRule] = []
    for name in names:
        host = name.replace("*", "any", 1)
        below = [rule for rule in file.rules if name.startswith("*.") and _one_below(rule.domain, name[2:])]
        found += [rule for rule in (*rules_for(file, host), *below) if rule not in found]
    return found


def _one_below(domain: str, parent: str) -> bool:
    label, _, rest = domain.partition(".")
    return bool(label) and rest == parent


def _note_set(
    pins: Sequence[DeclaredPin],
    position: str,
    rule: PinRule,
    chain: Sequence[_core.Certificate],
    rooted: bool,
    notes: Notes,
) -> None:
    digest = key_digest if rule.of == "spki" else certificate_digest
    compared = {"leaf": chain[:1], "ca": chain[1:], "any": chain}[position]
    wanted = {digest(certificate): certificate for certificate in compared}
    matched = [wanted[pin.digest.hex()] for pin in pins if pin.digest and pin.digest.hex() in wanted]
    for certificate in matched:
        if any(part in certificate.common_name for part in known_keys.INTERCEPTION_NAMES):
            notes.add(
                "interception-ca",
                rule.line,
                f"a pin is the key of '{certificate.common_name}'",
                effect="it is the CA of an interception tool: whoever has its key reads the traffic",
                fix="remove it, and look where the chain was taken",
            )
    if position == "any" and chain[0] in matched and len(set(matched)) > 1:
        notes.add(
            "mixed-positions",
            rule.line,
            f"the pins for {rule.domain or 'all hosts'} hold the server's own key and that of "
            f"'{next(c for c in matched if c != chain[0]).common_name}'",
            effect="any certificate of that CA passes, so the pin on the server's key protects nothing more",
            fix="pin either servers' keys or CAs, each with a backup",
        )
    if not matched:
        told = [_note_wrong_kind(pin, rule, position, chain, notes) for pin in pins]
        if not any(told):
            _note_mismatch(rule, position, rooted, notes)


def _note_mismatch(rule: PinRule, position: str, rooted: bool, notes: Notes) -> None:
    sure = rooted or position == "leaf"
    notes.add(
        "pins-do-not-match",
        rule.line,
        f"no pin for {rule.domain or 'all hosts'} matches "
        + ("the chain" if sure else "what was given of the chain; its root is not in it and not a public one"),
        effect="the app is locked out while the server shows this chain"
        if sure
        else "locked out, unless a pin is the root's",
        fix="add the pin of this chain's key, or let the server show a pinned one"
        + ("" if sure else "; give the root with the chain"),
        severity=None if sure else Severity.WARNING,
    )


def _note_wrong_kind(
    pin: DeclaredPin, rule: PinRule, position: str, chain: Sequence[_core.Certificate], notes: Notes
) -> bool:
    """Is it the digest of something else about this very chain?"""
    digest = pin.digest.hex() if pin.digest else ""
    for certificate in chain:
        whose = f"'{certificate.common_name or certificate.subject}'"
        if rule.of == "spki" and digest in _digests_of_no_key(certificate):
            _note_certificate(pin, rule, f"the certificate of {whose}", notes)
            return True
        if rule.of == "certificate" and digest == key_digest(certificate):
            notes.add(
                "key-pinned",
                pin.line or rule.line,
                f"'{pin.text[:60]}' is the digest of the key of {whose}, certificates are compared here",
                effect=_NEVER,
                fix=_MAKE,
            )
            return True
        if position == "leaf" and certificate != chain[0] and digest == key_digest(certificate):
            _note_at_leaf(pin, rule, whose, notes)
            return True
    return False


def _digests_of_no_key(certificate: _core.Certificate) -> tuple[str, ...]:
    """Of the certificate, and of the files that people feed to sha256sum."""
    public = _core.KeyPair.from_pem(certificate.pem).public_pem()
    texts = (certificate.pem, certificate.pem.rstrip("\n"), public, public.rstrip("\n"))
    return certificate_digest(certificate), *(hashlib.sha256(text.encode()).hexdigest() for text in texts)


def _note_certificate(pin: DeclaredPin, rule: PinRule, what: str, notes: Notes) -> None:
    notes.add(
        "certificate-pinned",
        pin.line or rule.line,
        f"'{pin.text[:60]}' is the digest of {what}, keys are compared here",
        effect=_NEVER,
        fix=_MAKE,
    )


def _note_at_leaf(pin: DeclaredPin, rule: PinRule, whose: str, notes: Notes) -> None:
    notes.add(
        "ca-at-leaf",
        pin.line or rule.line,
        f"'{pin.text[:60]}' is the key of {whose}, only the server's own is compared here",
        effect="it never matches",
        fix="pin the key of the server's certificate",
    )


def _missing_root(last: _core.Certificate) -> list[_core.Certificate]:
    """The public root that issued the last one, when the chain was given without it."""
    if last.subject == last.issuer:
        return []
    return [root for root in known_keys.public_roots() if root.subject == last.issuer][:1]

"""From a scenario's values to credentials, trust and pins. Everything of one drill is minted once."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pindrill import _core
from pindrill.dates import Dates, within
from pindrill.keyring import Keyring, NotServable
from pindrill.model import BACKUP, GENUINE, Alter, PinsOf, Served, Strategy

_T = TypeVar("_T")
_SHORTEST = timedelta(days=1)
"""A certificate whose dates are the point is valid for so long, or it is not made."""


class Mint:
    """Credentials, trust stores and pins from one keyring; safe to use from many threads."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._made: dict[object, object] = {}
        self._lock = threading.RLock()

    def credential(self, served: Served) -> _core.Credential:
        return self._once(("credential", served), lambda: self._credential(served))

    def leaf(self, served: Served) -> _core.Certificate:
        """The leaf certificate; the same one however it is presented."""
        bare = replace(served, presented=GENUINE.presented, signing_key=None, cross_signed_by=None)
        return self._once(("leaf", bare), lambda: self._leaf(bare))

    def trust(self, roots: tuple[str, ...]) -> list[_core.Certificate]:
        found = (self.keyring.root_certificate(root) for root in roots)
        return [certificate for certificate in found if certificate is not None]

    def trust_pem(self, roots: tuple[str, ...]) -> str:
        return "".join(f"# {c.common_name}\n{c.pem}" for c in self.trust(roots))

    def pins(self, strategy: Strategy, wanted: PinsOf) -> tuple[str, ...]:
        """The texts that a client is told, in base64; altered where that is the point."""
        found = [self._pin(strategy, wanted.pinned)]
        if strategy.backup:
            # Where the rotation leaves the pinned part as it is, the backup is the ordinary one.
            covering = self._pin(strategy, wanted.backup)
            found.append(covering if covering != found[0] else self._pin(strategy, BACKUP))
            if wanted.third:
                found.append(self._pin(strategy, wanted.third))
        return _altered(tuple(found), wanted.alter)

    def described(self, served: Served) -> list[dict[str, Any]]:
        """The list that is presented, in plain values."""
        return self._once(
            ("described", served), lambda: [_described(certificate) for certificate in self.credential(served).chain]
        )

    def _once(self, key: object, make: Callable[[], _T]) -> _T:
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]  # type: ignore[return-value]

    def _credential(self, served: Served) -> _core.Credential:
        chain = [certificate for part in served.presented for certificate in self._part(served, part)]
        # A leaf label of which only the public half is here cannot be shown: no stand-in.
        key = self.keyring.private(served.key)
        if served.signing_key:
            key = _core.KeyPair.mismatched(key, self.keyring.private(served.signing_key))
        return _core.Credential(key, chain)

    def _part(self, served: Served, part: str) -> list[_core.Certificate]:
        match part:
            case "leaf":
                return [self.leaf(served)]
            case "issuers":
                return self._issuers(served)
            case "reissued-issuers":
                return self._issuers(served, generation=2)
            case "root":
                return [self.keyring.root(served.issuers[0]).certificate]
            case "cross":
                return [self._once(("cross", served.issuers[0]), lambda: self._cross_signed(served).presented[-1])]
            case "genuine-leaf":
                return [self.leaf(GENUINE)]
            case "genuine-issuers":
                return self._issuers(GENUINE)
            case "genuine-root":
                return [self.keyring.root(GENUINE.issuers[0]).certificate]
            case "unrelated":
                key = self.keyring.private("leaf-unrelated")
                spec = _core.CertificateSpec("unrelated.pin.test", dns=["unrelated.pin.test"])
                return [self._once("unrelated", lambda: _core.self_signed(key, spec))]
        raise ValueError(f"nothing is called '{part}' in a chain")

    def _issuers(self, served: Served, generation: int = 1) -> list[_core.Certificate]:
        """Nearest to the leaf first, without the root."""
        depths = range(len(served.issuers), 1, -1)
        return [self._authority(served, depth, generation).certificate for depth in depths]

    def _authority(self, served: Served, depth: int, generation: int = 1) -> _core.Authority:
        """The authority at the end of the first `depth` labels."""
        path = served.issuers[:depth]
        if depth == 1:
            return self.keyring.root(path[0])
        signing = depth == len(served.issuers)
        dates = served.issuer_dates if signing else None
        clones = served.clones if served.clones and served.clones[0] == path[-1] else None
        return self._once(
            ("authority", path, dates, clones, generation),
            lambda: self._intermediate(self._authority(served, depth - 1), path[-1], dates, clones),
        )

    def _intermediate(
        self, above: _core.Authority, label: str, dates: Dates | None, clones: tuple[str, str] | None
    ) -> _core.Authority:
        begin, end = _fitted(above.certificate, dates) if dates else (None, None)
        name, model = self.keyring.authority_name(label), None
        if clones:
            model = self._authority(GENUINE, len(GENUINE.issuers)).certificate
            name = model.common_name
        spec = _core.CertificateSpec(
            name,
            ca=True,
            not_before=begin,
            not_after=end,
            subject_key_id=model.subject_key_id if model else None,
            serial=model.serial if model else None,
        )
        return above.intermediate(self.keyring.private(label), spec)

    def _leaf(self, served: Served) -> _core.Certificate:
        if served in (GENUINE, BACKUP):
            return self.keyring.pinned_leaf(served.key)
        if served.issuers:
            return self._issuance(served).certify()
        return _core.self_signed(self.keyring.key(served.key), _spec(served, (served.not_before, served.not_after)))

    def _issuance(self, served: Served) -> _core.Issuance:
        """A `Served` describes in labels what the core issues and rotates."""
        key, issuer = self.keyring.key(served.key), self._authority(served, len(served.issuers))
        spec = _spec(served, _fitted(issuer.certificate, (served.not_before, served.not_after)))
        return _core.Issuance(key, spec, issuer, self._issuers(served))

    def _cross_signed(self, served: Served) -> _core.Issuance:
        root, older = self.keyring.root(served.issuers[0]), self.keyring.root(served.cross_signed_by or "")
        return self._issuance(served).cross_sign(root, older)

    def _pin(self, strategy: Strategy, served: Served) -> _core.Pin:
        if strategy.kind == "leaf-cert":
            return _core.Pin.of_certificate(self.leaf(served))
        if strategy.kind == "leaf-spki" or not served.issuers:
            return _core.Pin.of_key(self.keyring.key(served.key))
        label = served.issuers[-1] if strategy.kind == "intermediate-spki" else served.issuers[0]
        return _core.Pin.of_key(self.keyring.key(label.partition("@")[0]))


def _spec(served: Served, dates: Dates) -> _core.CertificateSpec:
    begin, end = dates
    return _core.CertificateSpec(served.names[0], dns=list(served.names), not_before=begin, not_after=end)


def _fitted(issuer: _core.Certificate, dates: Dates) -> Dates:
    """A kept root may have begun too late for a certificate that has expired: that would be wrong twice."""
    begin, end = within(issuer, dates)
    if end - begin < _SHORTEST:
        first, last = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for at in (issuer.not_before, issuer.not_after))
        raise NotServable(
            f"the keyring's '{issuer.common_name}' is valid from {first} to {last} only, so that a certificate of it "
            f"for {_days(dates)} would be wrong twice; a keyring that is made now has older roots"
        )
    return begin, end


def _days(dates: Dates) -> str:
    first, last = (f"{datetime.now(UTC) + each:%Y-%m-%d}" for each in dates)
    return f"{first} to {last}"


def pins_of_text(pem: str) -> list[tuple[str, _core.Pin]]:
    """(whose, pin) of a certificate, chain, key or CSR."""
    if "-----BEGIN CERTIFICATE-----" not in pem:
        return [("", _core.Pin.of_key(_core.KeyPair.from_pem(pem)))]
    return [
        (certificate.subject, pin)
        for certificate in _core.Certificate.list_from_pem(pem)
        for pin in (
            _core.Pin.of_key(_core.KeyPair.from_pem(certificate.pem)),
            _core.Pin.of_certificate(certificate),
        )
    ]


def _described(certificate: _core.Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.common_name,
        "issuer": certificate.issuer,
        "names": tuple(certificate.dns_names),
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "spki_sha256": _core.Pin.of_key(_core.KeyPair.from_pem(certificate.pem)).base64,
        "certificate_sha256": _core.Pin.of_certificate(certificate).base64,
    }


def _altered(pins: tuple[_core.Pin, ...], alter: Alter) -> tuple[str, ...]:
    texts = tuple(pin.base64 for pin in pins)
    match alter:
        case Alter.NOTHING:
            return texts
        case Alter.EMPTY_SET:
            return ()
        case Alter.BOGUS:
            return (_flipped(texts[0], 0xFF, 0), *texts[1:])
        case Alter.NEAR_MISS:
            return (_flipped(texts[0], 0x01, 31), *texts[1:])
        case Alter.CASE_SWAPPED:
            return (_case_swapped(texts[0]), *texts[1:])
        case Alter.NOT_BASE64:
            return tuple("*" + text[1:] for text in texts)
        case Alter.SHORT:
            return tuple(base64.b64encode(base64.b64decode(text)[:16]).decode() for text in texts)
        case Alter.TRAILING_JUNK:
            return tuple(text + "!junk" for text in texts)


def _flipped(text: str, mask: int, at: int) -> str:
    digest = bytearray(base64.b64decode(text))
    digest[at] ^= mask
    return base64.b64encode(digest).decode()


def _case_swapped(text: str) -> str:
    """All but the last letter, which holds padding bits that must stay zero."""
    return text[:42].swapcase() + text[42:]

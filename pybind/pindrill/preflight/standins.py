"""Stand-ins for keys that are not here: the same chain shapes and key types, other keys, and a table of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from pindrill import _core
from pindrill.preflight.model import Chain, Instant, Trust

KeyMaker = Callable[[str], _core.KeyPair]
"""From the name of a key's type to a key of that type."""
_NAME_LIMIT = 64
"""Of a common name, in characters."""


def quick_key(_: str) -> _core.KeyPair:
    """For predictions, where only the identity of a key matters."""
    return _core.KeyPair.generate("p-256")


def same_type_key(type_name: str) -> _core.KeyPair:
    return _core.KeyPair.generate(type_name.lower())


class Mirror:
    """Mirrors authorities; a real key that turns up again gets the same stand-in."""

    def __init__(self, make_key: KeyMaker = quick_key) -> None:
        self._make_key = make_key
        self._keys: dict[bytes, _core.KeyPair] = {}
        self._names: dict[str, str] = {}
        self._certificates: dict[_core.Certificate, _core.Certificate] = {}
        self._digests: dict[str, str] = {}

    @property
    def stands_for(self) -> Mapping[str, str]:
        """Hex digest of a real key or certificate -> that of its stand-in."""
        return dict(self._digests)

    def authorities(self, issuers: Sequence[_core.Certificate], trust: Trust) -> tuple[list[_core.Certificate], Trust]:
        """The issuers as presented, and the roots, as stand-ins."""
        known = [*trust.certificates, *issuers]
        roots = [self._authority(root, known) for root in trust.certificates]
        presented = [self._authority(issuer, known) for issuer in issuers]
        return presented, Trust(certificates=tuple(roots), assumed=trust.assumed, complete=trust.complete)

    def issue(
        self,
        name: str,
        key: _core.KeyPair,
        names: Sequence[str],
        validity: tuple[Instant, Instant],
        *,
        issuer: str,
        issuers: Sequence[_core.Certificate],
        trust: Trust,
    ) -> Chain:
        """A leaf for this key, by the stand-in of the issuer that has this subject."""
        presented, roots = self.authorities(issuers, trust)
        signer = self._signer(issuer, [*trust.certificates, *issuers])

        def spec(begin: timedelta, end: timedelta) -> _core.CertificateSpec:
            return _core.CertificateSpec(names[0], dns=list(names), not_before=begin, not_after=end)

        leaf = _on_time(lambda begin, end: signer.issue(key, spec(begin, end)), validity)
        return Chain(name=name, certificates=(leaf, *presented), trust=roots, stands_for=self.stands_for)

    def key(self, real: _core.Certificate) -> _core.KeyPair:
        """The stand-in of this certificate's key."""
        public = _core.KeyPair.from_pem(real.pem)
        if public.spki not in self._keys:
            self._keys[public.spki] = self._make_key(public.type_name)
            self._digests[_core.Pin.of_key(public).hex] = _core.Pin.of_key(self._keys[public.spki]).hex
        return self._keys[public.spki]

    def note(self, real: _core.Certificate, standin: _core.Certificate) -> None:
        self._digests[_core.Pin.of_certificate(real).hex] = _core.Pin.of_certificate(standin).hex

    def _authority(self, real: _core.Certificate, known: Sequence[_core.Certificate]) -> _core.Certificate:
        if real not in self._certificates:
            key, name = self.key(real), self._name(real.subject, real.common_name)

            def spec(begin: timedelta, end: timedelta) -> _core.CertificateSpec:
                return _core.CertificateSpec(name, ca=True, not_before=begin, not_after=end)

            if real.subject == real.issuer:
                make = lambda begin, end: _core.self_signed(key, spec(begin, end))  # noqa: E731
            else:
                # Two that certify each other must not go round and round.
                signer = self._signer(real.issuer, [each for each in known if each != real])
                make = lambda begin, end: signer.intermediate(key, spec(begin, end)).certificate  # noqa: E731
            self._certificates[real] = _on_time(make, (real.not_before, real.not_after))
            self.note(real, self._certificates[real])
        return self._certificates[real]

    def _signer(self, issuer: str, known: Sequence[_core.Certificate]) -> _core.Authority:
        """By name, self-signed before cross-signed; nobody known: a root that nobody trusts."""
        named = [each for each in known if each.subject == issuer]
        named.sort(key=lambda each: each.subject != each.issuer)
        if named:
            return _core.Authority(self.key(named[0]), self._authority(named[0], known))
        spec = _core.CertificateSpec(self._name(issuer, ""), ca=True)
        return _core.Authority.root(self._make_key("P-256"), spec)

    def _name(self, subject: str, common_name: str) -> str:
        if subject not in self._names:
            self._names[subject] = f"TEST {len(self._names) + 1} for {common_name or 'an issuer'}"[:_NAME_LIMIT]
        return self._names[subject]


def _on_time(
    make: Callable[[timedelta, timedelta], _core.Certificate], validity: tuple[Instant, Instant]
) -> _core.Certificate:
    """Dates are given from now on; when the second changes meanwhile, it is made again."""
    while True:
        now = int(time.time())
        made = make(timedelta(seconds=validity[0] - now), timedelta(seconds=validity[1] - now))
        if (made.not_before, made.not_after) == validity:
            return made

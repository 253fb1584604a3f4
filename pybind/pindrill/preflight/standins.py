"""Stand-ins for keys that are not here: the same chain shapes and key types, other keys, and a table of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from pindrill import _core
from pindrill.preflight.model import Chain, Instant, Trust

KeyMaker = Callable[[_core.KeyPair], _core.KeyPair]
"""From a real public key to the pair that stands for it: another one, or the real one where its private half is."""
_ATTEMPTS = 10
_NAME_LIMIT = 64
"""Of a common name, in characters."""


def quick_key(_: _core.KeyPair) -> _core.KeyPair:
    """For predictions, where only the identity of a key matters."""
    return _core.KeyPair.generate("p-256")


class Mirror:
    """Mirrors authorities; a real key that turns up again gets the same stand-in."""

    def __init__(
        self,
        make_key: KeyMaker = quick_key,
        validity: tuple[Instant, Instant] | None = None,
        permitted: Sequence[str] = (),
    ) -> None:
        """`validity`: of every authority, instead of the real one's. `permitted`: names that authorities vouch for."""
        self._make_key = make_key
        self._validity = validity
        self._permitted = permitted
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

    def key(self, public: _core.KeyPair) -> _core.KeyPair:
        """The stand-in of this key."""
        if public.spki not in self._keys:
            self._keys[public.spki] = self._make_key(public)
            self._digests[_core.Pin.of_key(public).hex] = _core.Pin.of_key(self._keys[public.spki]).hex
        return self._keys[public.spki]

    def _authority(self, real: _core.Certificate, known: Sequence[_core.Certificate]) -> _core.Certificate:
        if real not in self._certificates:
            key, name = self.key(_core.KeyPair.from_pem(real.pem)), self._name(real.subject, real.common_name)

            def spec(begin: timedelta, end: timedelta) -> _core.CertificateSpec:
                return _core.CertificateSpec(
                    name, ca=True, not_before=begin, not_after=end, permitted_dns=self._permitted
                )

            if real.subject == real.issuer:
                make = lambda begin, end: _core.self_signed(key, spec(begin, end))  # noqa: E731
            else:
                # Two that certify each other must not go round and round.
                signer = self._signer(real.issuer, [each for each in known if each != real])
                make = lambda begin, end: signer.intermediate(key, spec(begin, end)).certificate  # noqa: E731
            made = _on_time(make, self._validity or (real.not_before, real.not_after))
            self._certificates[real] = made
            self._digests[_core.Pin.of_certificate(real).hex] = _core.Pin.of_certificate(made).hex
        return self._certificates[real]

    def _signer(self, issuer: str, known: Sequence[_core.Certificate]) -> _core.Authority:
        """By name, self-signed before cross-signed; nobody known: a root that nobody trusts."""
        named = [each for each in known if each.subject == issuer]
        named.sort(key=lambda each: each.subject != each.issuer)
        if named:
            key = self.key(_core.KeyPair.from_pem(named[0].pem))
            return _core.Authority(key, self._authority(named[0], known))
        spec = _core.CertificateSpec(self._name(issuer, ""), ca=True)
        return _core.Authority.root(_core.KeyPair.generate("p-256"), spec)

    def _name(self, subject: str, common_name: str) -> str:
        if subject not in self._names:
            self._names[subject] = f"TEST {len(self._names) + 1} for {common_name or 'an issuer'}"[:_NAME_LIMIT]
        return self._names[subject]


def _on_time(
    make: Callable[[timedelta, timedelta], _core.Certificate], validity: tuple[Instant, Instant]
) -> _core.Certificate:
    """Dates are given from now on, by the clock of the one who mints: it may be a coarse one, that lags behind ours."""
    now = int(time.time())
    for _ in range(_ATTEMPTS):
        made = make(timedelta(seconds=validity[0] - now), timedelta(seconds=validity[1] - now))
        if (made.not_before, made.not_after) == validity:
            break
        now += made.not_before - validity[0]
    return made

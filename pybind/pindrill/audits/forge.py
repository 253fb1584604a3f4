"""The credentials that an interceptor shows: forged per destination and condition, once a week."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from pindrill import _core
from pindrill.audits.facts import Condition, Destination
from pindrill.audits.showing import NEEDS_GENUINE_CHAIN
from pindrill.dates import Dates, within
from pindrill.keyring import INTERCEPTION_ROOT, Keyring
from pindrill.model import UsageError

_OTHER_NAME = "another-host.pin.test"
_EXPIRED = (timedelta(days=-90), timedelta(days=-2))
_AGAIN_S = 7 * 86400


class Forge:
    """Safe to use from many threads. Keys are made beforehand, so that no connection waits for one."""

    def __init__(self, authority: Keyring | _core.Authority) -> None:
        """A keyring has a test CA; any other CA will do that the client trusts."""
        root = authority if isinstance(authority, _core.Authority) else _test_ca(authority)
        self.ca_pem = root.certificate.pem
        self.ca_der = root.certificate.der
        self.ca_name = root.certificate.common_name
        self._root = root
        self._leaf_key = _core.KeyPair.generate("p-256")
        self._issuer = root.intermediate(
            _core.KeyPair.generate("p-256"),
            _core.CertificateSpec(f"{root.certificate.common_name} issuing", ca=True),
        )
        self._untrusted = _core.Authority.root(
            _core.KeyPair.generate("p-256"),
            _core.CertificateSpec("pindrill TEST Root untrusted", ca=True),
        )
        self._signing_keys: dict[str, _core.KeyPair] = {}
        self._chains: dict[Destination, Sequence[_core.Certificate]] = {}
        self._made: dict[tuple[Condition, Destination, int], _core.Credential] = {}
        self._lock = threading.Lock()

    def learn(self, destination: Destination, chain: Sequence[_core.Certificate]) -> None:
        """The genuine chain, leaf first; a key of its type is made now, where we can make one."""
        key_type = _core.KeyPair.from_pem(chain[0].pem).type_name
        with self._lock, suppress(_core.CoreError):
            if key_type not in self._signing_keys:
                self._signing_keys[key_type] = _core.KeyPair.generate(key_type.lower())
        with self._lock:
            self._chains[destination] = chain

    def knows(self, destination: Destination) -> bool:
        return destination in self._chains

    def credential(self, condition: Condition, destination: Destination) -> _core.Credential:
        """KeyError when the condition needs the genuine chain, or a key of its type, and there is none."""
        with self._lock:
            # A station runs for longer than a leaf is valid, and who refuses an expired one has not pinned.
            key = (condition, destination, int(time.time() // _AGAIN_S))
            if key not in self._made:
                self._made[key] = self._forged(condition, destination)
            return self._made[key]

    def _forged(self, condition: Condition, destination: Destination) -> _core.Credential:
        leaf_key, issuer = self._leaf_key, self._issuer
        match condition:
            case Condition.SELF_SIGNED:
                return _core.Credential(leaf_key, [_core.self_signed(leaf_key, _spec(destination.host))])
            case Condition.UNTRUSTED_CA:
                leaf = self._untrusted.issue(leaf_key, _spec(destination.host))
                return _core.Credential(leaf_key, [leaf, self._untrusted.certificate])
            case Condition.OTHER_HOST:
                return _core.Credential(leaf_key, [issuer.issue(leaf_key, _spec(_OTHER_NAME)), issuer.certificate])
            case Condition.EXPIRED:
                spec = _spec(destination.host, _expired_under(issuer.certificate))
                return _core.Credential(leaf_key, [issuer.issue(leaf_key, spec), issuer.certificate])
        chain = [issuer.issue(leaf_key, _spec(destination.host)), issuer.certificate]
        if condition in NEEDS_GENUINE_CHAIN:
            return self._with_genuine(condition, destination, chain)
        return _core.Credential(leaf_key, chain)

    def _with_genuine(
        self, condition: Condition, destination: Destination, forged: list[_core.Certificate]
    ) -> _core.Credential:
        genuine = self._chains[destination]
        leaf, *issuers = genuine
        match condition:
            case Condition.GENUINE_LEAF_APPENDED:
                return _core.Credential(self._leaf_key, [*forged, leaf])
            case Condition.GENUINE_LEAF_SECOND:
                return _core.Credential(self._leaf_key, [forged[0], leaf, *forged[1:]])
            case Condition.GENUINE_ISSUERS_APPENDED:
                return _core.Credential(self._leaf_key, [*forged, *issuers])
            case Condition.GENUINE_ISSUERS_IN_PLACE:
                return _core.Credential(self._leaf_key, [self._under_root(destination), *issuers])
            case Condition.GENUINE_EVERYWHERE:
                return _core.Credential(self._leaf_key, [self._under_root(destination), *issuers, *genuine])
        shown = _core.KeyPair.from_pem(leaf.pem)
        return _core.Credential(_core.KeyPair.mismatched(shown, self._signing_keys[shown.type_name]), list(genuine))

    def _under_root(self, destination: Destination) -> _core.Certificate:
        """Needs no intermediate of ours, which would move the genuine certificates from their places."""
        return self._root.issue(self._leaf_key, _spec(destination.host))


def _test_ca(keyring: Keyring) -> _core.Authority:
    """Refused when it has expired: what apps refuse then would tell nothing about them."""
    root = keyring.root(INTERCEPTION_ROOT)
    if root.certificate.not_after > time.time():
        return root
    file = f"{keyring.directory}/certificates/{INTERCEPTION_ROOT}.pem"
    raise UsageError(f"{file}: the test CA has expired; remove this file, and put the new certificate on the device")


def _expired_under(issuer: _core.Certificate) -> Dates:
    """A test CA that is on devices since it was made may be younger than this: then in the first half of its life."""
    begin, end = within(issuer, _EXPIRED)
    return (begin, end) if begin < end else (begin, begin / 2)


def _spec(host: str, dates: Dates | None = None) -> _core.CertificateSpec:
    """`dates`: usual ones by default, begun long enough ago for a device whose clock is behind."""
    try:
        address = [str(ipaddress.ip_address(host))]
    except ValueError:
        address = []
    names = [] if address else [host]
    # A common name has at most 64 characters (RFC 5280, ub-common-name).
    begin, end = dates or (None, None)
    return _core.CertificateSpec(host[:64], dns=names, ip=address, not_before=begin, not_after=end)

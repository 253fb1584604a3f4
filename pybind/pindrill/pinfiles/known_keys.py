"""Keys that everybody may know: public CAs, and interception CAs whose private keys are public."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import certifi

from pindrill import _core

INTERCEPTION: Mapping[str, str] = {
    "4bb8f35ba1e126f8dde1b0c420625ed86dce61a7bddadbdea9aba578ff13145e": "Superfish",
    "cdee9f3305572a677e1a6c82dc1e02a35b11cae6a684338c9f37fe1ac8daec23": "eDellRoot",
    "130ad4e0633521290531b6651f5759b0bc7bc656709ff8f365c2143b0389b6f6": "DSDTestProvider",
    "1af56c98ff043ef92bebff54cebb4dd67a25ba956c817f3e6dd3c1e52eb584c1": "Cyberoam's factory CA",
    "32ecc96f912f96d889e73088cd031c7ded2c651c805016157a23b6f32f798a3b": "Trustwave's interception CA",
    "b5ba8dd7f89564c2889d3d6453c84998c77824919b64ea0835aa62986591be50": "the Qaznet trust network",
    "8e12d0cb3b7df3ea2257579489fd8658c95603ea6cf4b73163a41eb7b7e93fee": "the Qaznet trust network",
    "b13fa2e6131a888a01f3d62056fb0efbe99eeb6b6e14927613e02ba8b8fb046e": "the Qaznet trust network",
}
"""SHA-256 of the keys, by what they are known as; browsers block these."""
INTERCEPTION_NAMES = (
    "DO_NOT_TRUST",
    "FiddlerRoot",
    "mitmproxy",
    "PortSwigger CA",
    "Charles Proxy CA",
    "OWASP ZAP Root",
)
"""Parts of the names that interception tools give to the CA that they make on a developer's machine."""


@cache
def public_roots() -> tuple[_core.Certificate, ...]:
    """Mozilla's list, as certifi ships it."""
    return tuple(_core.Certificate.list_from_pem(certifi.contents()))


@cache
def public_keys() -> Mapping[str, str]:
    return {key_digest(root): _name(root) for root in public_roots()}


@cache
def public_certificates() -> Mapping[str, str]:
    return {certificate_digest(root): _name(root) for root in public_roots()}


def key_digest(certificate: _core.Certificate) -> str:
    return _core.Pin.of_key(_core.KeyPair.from_pem(certificate.pem)).hex


def certificate_digest(certificate: _core.Certificate) -> str:
    return _core.Pin.of_certificate(certificate).hex


def _name(certificate: _core.Certificate) -> str:
    return certificate.common_name or certificate.subject

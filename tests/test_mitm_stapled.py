"""Chains that the addon makes of mitmproxy's CA, as the openssl command sees them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.audits.facts import Condition
from pindrill.audits.showing import STAPLED
from pindrill.mitm.inside.minted import Issuer, certificate, new_key, pem_of
from pindrill.mitm.inside.stapled import Stapler
from support.openssl import verify
from support.simulated_app import GENUINE, LISTS

HOST = "shop.test"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)


def ca(name: str, issuer: Issuer | None = None) -> Issuer:
    """mitmproxy's own is self-signed and says that it is a CA, as one that signs itself here does."""
    key = new_key()
    return Issuer(certificate(name, key, issuer or Issuer(certificate(name, key, None), key), ca=True), key)


@pytest.mark.parametrize("condition", sorted(STAPLED))
def test_each_stapled_list(condition: Condition, tmp_path: Path) -> None:
    mine, genuine_root = ca("mine"), ca("genuine root")
    upper = ca("upper", genuine_root)
    issuer = ca("issuer", upper)
    leaf = certificate(HOST, new_key(), issuer, host=HOST)
    genuine = [pem_of(each) for each in (leaf, issuer.certificate, upper.certificate)]
    shown = PEM.findall(Stapler(mine).credential(condition, HOST, genuine)["chain"])
    chain = [_core.Certificate.from_pem(each) for each in shown]
    trust = [_core.Certificate.from_pem(pem_of(mine.certificate))]
    assert verify(tmp_path, chain, trust, "-verify_hostname", HOST) == ""
    places = [GENUINE[genuine.index(each)] if each in genuine else "" for each in shown]
    assert places == [each if each in GENUINE else "" for each in LISTS[condition]]

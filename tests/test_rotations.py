"""Scenarios rotate values that describe (`Served`), the core rotates issuances: each verb means the same in both."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pindrill import _core
from pindrill.mint import Mint
from pindrill.model import BACKUP, GENUINE, HOST, ROGUE, Served

Verb = tuple[Served, Callable[["Core"], _core.Issuance]]


class Core:
    """What C++ starts from: the authorities and keys of ordinary credentials."""

    def __init__(self, mint: Mint) -> None:
        self.mint = mint
        self.key, self.root = mint.keyring.private, mint.keyring.root

    def issuers(self, served: Served) -> list[_core.Certificate]:
        return self.mint.credential(served).chain[1:]

    def authority(self, served: Served) -> _core.Authority:
        return _core.Authority(self.key(served.issuers[-1]), self.issuers(served)[0])

    def issuance(self, served: Served) -> _core.Issuance:
        spec = _core.CertificateSpec(HOST, dns=[HOST])
        return _core.Issuance(self.key(served.key), spec, self.authority(served), self.issuers(served))


VERBS: dict[str, Verb] = {
    "renew": (GENUINE.renew(), lambda core: core.issuance(GENUINE).renew()),
    "rekey": (GENUINE.rekey(BACKUP.key), lambda core: core.issuance(GENUINE).rekey(core.key(BACKUP.key))),
    "switch_issuer": (
        GENUINE.switch_issuer(*BACKUP.issuers),
        lambda core: core.issuance(GENUINE).switch_issuer(core.authority(BACKUP), core.issuers(BACKUP)),
    ),
    "cross_sign": (
        BACKUP.cross_sign("root-current"),
        lambda core: core.issuance(BACKUP).cross_sign(core.root("root-backup"), core.root("root-current")),
    ),
    "misissue": (
        GENUINE.misissue(*ROGUE.issuers),
        lambda core: core.issuance(GENUINE).misissue(core.authority(ROGUE), core.issuers(ROGUE), core.key(ROGUE.key)),
    ),
}


def look(certificate: _core.Certificate) -> tuple[object, ...]:
    """All of it but serial and dates, which are fresh."""
    pin = _core.Pin.of_key(_core.KeyPair.from_pem(certificate.pem))
    return certificate.subject, certificate.issuer, *certificate.dns_names, certificate.is_ca, pin.base64


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_described_is_what_the_core_makes(mint: Mint, verb: str) -> None:
    described, make = VERBS[verb]
    made, shown = make(Core(mint)).present(), mint.credential(described)
    assert [look(certificate) for certificate in shown.chain] == [look(certificate) for certificate in made.chain]
    assert shown.key.spki == made.key.spki


def test_each_verb_leads_somewhere_else(mint: Mint) -> None:
    chains = [tuple(look(each) for each in mint.credential(described).chain) for described, _ in VERBS.values()]
    assert len(set(chains)) == len(VERBS)


def test_all_verbs_are_compared() -> None:
    """A verb that only one side knows has no second opinion."""
    verbs = {name for name in vars(_core.Issuance) if not name.startswith("_")} - {"certify", "present", "presented"}
    assert verbs == set(VERBS)
    assert all(hasattr(Served, verb) for verb in verbs)

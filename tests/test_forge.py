"""What an interceptor shows, as the openssl command sees it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pindrill import _core
from pindrill.audits.facts import Condition, Destination
from pindrill.audits.forge import Forge
from pindrill.audits.showing import STAPLED
from pindrill.keyring import INTERCEPTION_ROOT, Keyring
from pindrill.model import UsageError
from support.openssl import verify
from support.simulated_app import GENUINE, LISTS

SHOP = Destination("shop.test", 443)


@pytest.fixture(scope="module")
def forge() -> Forge:
    made = Forge(Keyring())
    root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("genuine", ca=True))
    key = _core.KeyPair.generate("rsa-2048")
    made.learn(SHOP, [root.issue(key, _core.CertificateSpec("shop.test", dns=["shop.test"])), root.certificate])
    return made


def trust(forge: Forge) -> list[_core.Certificate]:
    return [_core.Certificate.from_pem(forge.ca_pem)]


@pytest.mark.parametrize(
    "condition",
    [
        Condition.TRUSTED_CA,
        Condition.GENUINE_LEAF_APPENDED,
        Condition.GENUINE_LEAF_SECOND,
        Condition.GENUINE_ISSUERS_APPENDED,
        Condition.GENUINE_ISSUERS_IN_PLACE,
        Condition.GENUINE_EVERYWHERE,
    ],
)
def test_who_trusts_the_test_ca_accepts(forge: Forge, condition: Condition, tmp_path: Path) -> None:
    chain = forge.credential(condition, SHOP).chain
    assert verify(tmp_path, chain, trust(forge), "-verify_hostname", "shop.test") == ""


def mitmproxys_ca() -> _core.Authority:
    """Begun two days ago, and for servers only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mitmproxy")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    certificate = made.public_bytes(Encoding.PEM).decode()
    return _core.Authority(_core.KeyPair.from_pem(secret), _core.Certificate.from_pem(certificate))


@pytest.mark.parametrize("condition", [Condition.TRUSTED_CA, *sorted(STAPLED)])
def test_a_ca_of_mitmproxy_will_do(forge: Forge, condition: Condition, tmp_path: Path) -> None:
    other = Forge(mitmproxys_ca())
    other.learn(SHOP, forge.credential(Condition.GENUINE_LEAF_WITHOUT_KEY, SHOP).chain)
    chain = other.credential(condition, SHOP).chain
    assert verify(tmp_path, chain, trust(other), "-purpose", "sslserver", "-verify_hostname", "shop.test") == ""


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition.SELF_SIGNED, "self-signed certificate"),
        (Condition.UNTRUSTED_CA, "self-signed certificate in certificate chain"),
        (Condition.OTHER_HOST, "hostname mismatch"),
        (Condition.EXPIRED, "certificate has expired"),
    ],
)
def test_everybody_who_validates_refuses(forge: Forge, condition: Condition, words: str, tmp_path: Path) -> None:
    chain = forge.credential(condition, SHOP).chain
    assert words in verify(tmp_path, chain, trust(forge), "-verify_hostname", "shop.test")


@pytest.mark.parametrize("begun", [None, timedelta(hours=-1)], ids=["new", "kept, an hour old"])
def test_only_the_dates_are_wrong_with_an_expired_one(tmp_path: Path, begun: timedelta | None) -> None:
    """At any time when it was valid its issuers were too, also under a CA that devices have trusted since today."""
    keyring = Keyring.create(tmp_path / "keys")
    if begun:
        spec = _core.CertificateSpec("pindrill TEST kept", ca=True, not_before=begun, not_after=timedelta(days=90))
        file = tmp_path / "keys" / "certificates" / f"{INTERCEPTION_ROOT}.pem"
        file.write_text(_core.self_signed(keyring.key(INTERCEPTION_ROOT), spec).pem)
    forge = Forge(keyring)
    chain = forge.credential(Condition.EXPIRED, SHOP).chain
    assert "certificate has expired" in verify(tmp_path, chain, trust(forge))
    for at in (chain[0].not_before, chain[0].not_after - 1):
        assert verify(tmp_path, chain, trust(forge), "-verify_hostname", "shop.test", "-attime", str(at)) == ""


def test_a_device_whose_clock_is_behind_finds_the_plain_chain_valid(forge: Forge, tmp_path: Path) -> None:
    chain = forge.credential(Condition.TRUSTED_CA, SHOP).chain
    for days in (-25, 50):
        at = str(int(time.time()) + days * 86400)
        assert verify(tmp_path, chain, trust(forge), "-verify_hostname", "shop.test", "-attime", at) == ""


def test_no_leaf_expires_while_a_station_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    forge, now = Forge(Keyring()), time.time()
    first = forge.credential(Condition.TRUSTED_CA, SHOP)
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86400)
    assert forge.credential(Condition.TRUSTED_CA, SHOP) is not first


def test_the_genuine_chain_comes_with_a_key_of_ours(forge: Forge) -> None:
    shown = forge.credential(Condition.GENUINE_LEAF_WITHOUT_KEY, SHOP)
    assert [each.common_name for each in shown.chain] == ["shop.test", "genuine"]
    assert shown.key.type_name == "RSA-2048"


@pytest.mark.parametrize("condition", sorted(STAPLED))
def test_each_stapled_list_is_what_the_tests_of_the_schedule_say(condition: Condition) -> None:
    made = Forge(Keyring())
    root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("genuine", ca=True))
    issuer = root.intermediate(_core.KeyPair.generate("p-256"), _core.CertificateSpec(GENUINE[1], ca=True))
    key = _core.KeyPair.generate("p-256")
    leaf = issuer.issue(key, _core.CertificateSpec("shop.test", dns=["shop.test"]))
    genuine = dict(zip((each.pem for each in (leaf, issuer.certificate, root.certificate)), GENUINE, strict=True))
    made.learn(SHOP, [leaf, issuer.certificate, root.certificate])
    first, *others = (genuine.get(each.pem, each.common_name) for each in made.credential(condition, SHOP).chain)
    ours = {f"{made.ca_name} issuing": "our issuer"}
    assert (first, *(ours.get(each, each) for each in others)) == ("shop.test", *LISTS[condition][1:])


def test_an_address_is_a_name_too(forge: Forge, tmp_path: Path) -> None:
    shown = forge.credential(Condition.TRUSTED_CA, Destination("192.0.2.7", 443))
    assert verify(tmp_path, shown.chain, trust(forge), "-verify_ip", "192.0.2.7") == ""


def test_each_is_forged_once(forge: Forge) -> None:
    assert forge.credential(Condition.EXPIRED, SHOP) is forge.credential(Condition.EXPIRED, SHOP)


def test_without_the_genuine_chain_nothing_is_stapled() -> None:
    with pytest.raises(KeyError):
        Forge(Keyring()).credential(Condition.GENUINE_LEAF_APPENDED, SHOP)


def test_a_kept_ca_that_has_expired_is_refused(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path / "keys")
    Forge(keyring)
    file = tmp_path / "keys" / "certificates" / f"{INTERCEPTION_ROOT}.pem"
    assert file.is_file()
    past = _core.CertificateSpec("old", ca=True, not_before=timedelta(days=-9), not_after=timedelta(days=-1))
    file.write_text(_core.self_signed(keyring.key(INTERCEPTION_ROOT), past).pem)
    with pytest.raises(UsageError, match="the test CA has expired; remove this file"):
        Forge(Keyring.open(tmp_path / "keys"))

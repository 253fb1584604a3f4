"""Hierarchies with dates that stand in the text of a test, minted by `cryptography`, and plans that use them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "api.example.com"
START = datetime(2027, 1, 1, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def spki_pin(key: ec.EllipticCurvePrivateKey) -> str:
    """Base64."""
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


@dataclass(frozen=True)
class Issuer:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    @property
    def pin(self) -> str:
        return spki_pin(self.key)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def root(name: str, start: str = "2020-01-01", end: str = "2040-01-01") -> Issuer:
    key = new_key()
    return Issuer(key, _certificate(name, key, None, day(start), day(end), ca=True))


def intermediate(name: str, issuer: Issuer, start: str = "2024-01-01", end: str = "2034-01-01") -> Issuer:
    key = new_key()
    return Issuer(key, _certificate(name, key, issuer, day(start), day(end), ca=True))


def cross_signed(one: Issuer, by: Issuer) -> str:
    """A certificate of the older issuer for the same name and key."""
    name = one.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return pem(_certificate(str(name), one.key, by, day("2024-01-01"), day("2034-01-01"), ca=True))


def leaf(
    issuer: Issuer,
    key: ec.EllipticCurvePrivateKey,
    start: str,
    days: int = 47,
    names: tuple[str, ...] = (HOST,),
) -> str:
    begin = day(start)
    return pem(_certificate(names[0], key, issuer, begin, begin + timedelta(days=days), names=names))


def csr(key: ec.EllipticCurvePrivateKey, name: str = HOST) -> str:
    made = x509.CertificateSigningRequestBuilder().subject_name(_name(name)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: Issuer | None,
    begin: datetime,
    end: datetime,
    *,
    ca: bool = False,
    names: tuple[str, ...] = (),
) -> x509.Certificate:
    signer = issuer.key if issuer else key
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer.certificate.subject if issuer else _name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        made = made.add_extension(usage, critical=True)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    return made.sign(signer, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


# --- pin files -------------------------------------------------------------------------------------------------


def nsc(*pins: str, host: str = HOST, expires: str = "") -> str:
    date = f' expiration="{expires}"' if expires else ""
    lines = "".join(f'      <pin digest="SHA-256">{pin}</pin>\n' for pin in pins)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<network-security-config>\n  <domain-config>\n'
        f'    <domain includeSubdomains="true">{host}</domain>\n    <pin-set{date}>\n{lines}'
        "    </pin-set>\n  </domain-config>\n</network-security-config>\n"
    )


def curl(*pins: str) -> str:
    return f"curl --pinnedpubkey '{';'.join(f'sha256//{pin}' for pin in pins)}' https://{HOST}/\n"


def put(path: Path, *texts: str) -> Path:
    path.write_text("".join(texts))
    return path

"""Certificates made with what mitmproxy's interpreter has."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LONGEST_NAME = 64
"""Of a common name (RFC 5280, ub-common-name)."""


class Issuer(NamedTuple):
    certificate: x509.Certificate
    key: Any


def new_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, key: Any, issuer: Issuer | None, *, host: str = "", ca: bool = False) -> x509.Certificate:
    """For `host`, or a CA's; without an issuer self-signed."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_NAME])])
    begin, end = _dates(issuer)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if issuer:
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_authority(issuer), critical=False)
        )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


@lru_cache(maxsize=1024)
def self_signed(host: str) -> dict[str, str]:
    """That nobody has reason to accept. Chain and key, as PEM."""
    key = new_key()
    return {"chain": pem_of(certificate("pindrill TEST self-signed", key, None, host=host)), "key": pem_of_key(key)}


def pem_of(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pem_of_key(key: Any) -> str:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def _dates(issuer: Issuer | None) -> tuple[datetime, datetime]:
    """Begun long enough ago for a clock that is behind, and within what the issuer is valid for."""
    now = datetime.now(timezone.utc)  # noqa: UP017  (Python 3.10)
    begin, end = now - timedelta(days=30), now + timedelta(days=60)
    if issuer is None:
        return begin, end
    first, last = (_date(issuer.certificate, name) for name in ("not_valid_before", "not_valid_after"))
    return max(begin, first), min(end, last)


def _date(made: x509.Certificate, name: str) -> datetime:
    """Old versions of the library know no time zone, new ones nothing else."""
    zoned: datetime | None = getattr(made, f"{name}_utc", None)
    return zoned or getattr(made, name).replace(tzinfo=timezone.utc)  # noqa: UP017  (Python 3.10)


def _authority(issuer: Issuer) -> x509.AuthorityKeyIdentifier:
    """As the issuer names its own key, where it does."""
    try:
        named = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

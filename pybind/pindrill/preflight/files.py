"""Chains and trust from files; without a trust file, what is taken for granted is said."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pindrill import _core
from pindrill.keyring import InputError
from pindrill.model import UsageError
from pindrill.pem import read_pem
from pindrill.preflight.model import Chain, Trust


def read_chain(path: Path, trust: Trust | None = None) -> Chain:
    certificates = _certificates(path)
    if certificates[0].is_ca and not all(certificate.is_ca for certificate in certificates):
        raise UsageError(f"{path}: begins with a CA's certificate; put the server's own first, as the server sends it")
    return chain_of(str(path), certificates, trust)


def read_trust(path: Path) -> Trust:
    return Trust(certificates=tuple(_certificates(path)))


def chain_of(name: str, certificates: Sequence[_core.Certificate], trust: Trust | None = None) -> Chain:
    trust = trust or assumed_trust(name, certificates)
    return Chain(name=name, certificates=tuple(certificates), trust=_near(trust, certificates))


def assumed_trust(name: str, certificates: Sequence[_core.Certificate]) -> Trust:
    """The file's own root; else this system's roots, where the chain leads to one; else the end of the file."""
    last = certificates[-1]
    if last.subject == last.issuer:
        said = f"devices trust the last certificate of {name} ('{last.common_name}')"
        return Trust(certificates=(last,), assumed=said)
    near = _near(Trust(certificates=_system_roots()), certificates)
    if near.certificates:
        return Trust(certificates=near.certificates, assumed=f"devices trust the roots of this system, for {name}")
    return Trust(
        certificates=(last,),
        assumed=f"devices trust whoever issued the last certificate of {name} ('{last.common_name}'): neither that "
        "file nor this system has the root; give it with --trust",
        complete=False,
    )


def _certificates(path: Path) -> list[_core.Certificate]:
    try:
        found = _core.Certificate.list_from_pem(read_pem(path))
    except InputError as error:
        raise UsageError(f"{path}: {error}; give certificates as PEM, the server's own first") from error
    if not found:
        raise UsageError(f"{path}: no certificate in it; give certificates as PEM, the server's own first")
    return found


@cache
def _system_roots() -> tuple[_core.Certificate, ...]:
    """As OpenSSL finds them here; those that cannot be read are no roots of anybody's chain."""
    file = ssl.get_default_verify_paths().cafile
    if not file:
        return ()
    try:
        return tuple(_core.Certificate.list_from_pem(Path(file).read_text()))
    except (InputError, OSError, UnicodeDecodeError):
        return ()


def _near(trust: Trust, certificates: Sequence[_core.Certificate]) -> Trust:
    """The roots that a path from these certificates can end in: the others only cost time."""
    kept: list[_core.Certificate] = []
    wanted = {name for certificate in certificates for name in (certificate.subject, certificate.issuer)}
    rest = list(trust.certificates)
    while found := [root for root in rest if root.subject in wanted]:
        kept += found
        rest = [root for root in rest if root not in found]
        wanted |= {root.issuer for root in found}
    return Trust(certificates=tuple(kept), assumed=trust.assumed, complete=trust.complete)

"""The openssl program: a second opinion on everything that is minted."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from pindrill import _core


def openssl(*arguments: str, text: str = "") -> str:
    """Its output; fails with its errors."""
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def openssl_key(*algorithm: str) -> str:
    """A private key; P-256 by default."""
    return openssl("genpkey", "-algorithm", *(algorithm or ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")))


def printed(certificate: _core.Certificate, *options: str) -> str:
    """What `openssl x509` prints of it, without the name of the field."""
    return (
        openssl("x509", "-noout", *options, text=certificate.pem)
        .partition("\n" if "-ext" in options else "=")[2]
        .strip()
    )


def public_key(certificate: _core.Certificate) -> str:
    return openssl("x509", "-noout", "-pubkey", text=certificate.pem)


def spki_pin(public_pem: str) -> str:
    """base64(sha256(SPKI)) by openssl alone."""
    data = public_pem.encode()
    for step in (["pkey", "-pubin", "-outform", "DER"], ["dgst", "-sha256", "-binary"], ["base64"]):
        data = subprocess.run(["openssl", *step], input=data, capture_output=True, check=True).stdout
    return data.decode().strip()


def verify(
    directory: Path,
    chain: Sequence[_core.Certificate],
    trust: Sequence[_core.Certificate],
    *options: str,
) -> str:
    """Empty when `openssl verify` finds a path from the first certificate to a root, else what is wrong."""
    leaf, rest, roots = directory / "leaf.pem", directory / "rest.pem", directory / "roots.pem"
    leaf.write_text(chain[0].pem)
    rest.write_text("".join(certificate.pem for certificate in chain[1:]))
    roots.write_text("".join(certificate.pem for certificate in trust))
    command = [
        "openssl",
        "verify",
        "-no-CApath",
        "-no-CAstore",
        "-CAfile",
        str(roots),
        "-purpose",
        "sslserver",
    ]
    if chain[1:]:
        command += ["-untrusted", str(rest)]
    done = subprocess.run([*command, *options, str(leaf)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr + done.stdout

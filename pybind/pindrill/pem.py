"""Certificates, chains, keys and CSRs as files: PEM text, or DER put into it."""

from __future__ import annotations

import base64
from pathlib import Path

from pindrill.keyring import InputError
from pindrill.mint import pins_of_text
from pindrill.model import UsageError

_MAX_PEM = 4 << 20
_DER_LABELS = ("CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")


def read_pem(path: Path) -> str:
    """PEM text; DER is put into it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_PEM + 1)
        if len(data) > _MAX_PEM:
            raise UsageError(f"{path}: larger than {_MAX_PEM >> 20} MiB; give a certificate, chain, key or CSR")
        return _from_der(path, data) if data.startswith(b"\x30") else data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as PEM text: {error}") from error


def _from_der(path: Path, data: bytes) -> str:
    """The first kind that it can be read as."""
    for label in _DER_LABELS:
        text = f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"
        try:
            pins_of_text(text)
        except InputError:
            continue
        return text
    raise UsageError(f"{path}: DER of no certificate, key or CSR; give one of these, or a chain as PEM")

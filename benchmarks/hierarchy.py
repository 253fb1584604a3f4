"""One P-256 leaf under an intermediate, as the PEM files that every server is given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pindrill import _core


@dataclass(frozen=True)
class Files:
    key: Path
    chain: Path
    credential: _core.Credential

    @classmethod
    def made_in(cls, directory: Path) -> Files:
        root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("TEST root", ca=True))
        issuer = root.intermediate(_core.KeyPair.generate("p-256"), _core.CertificateSpec("TEST issuer", ca=True))
        key = _core.KeyPair.generate("p-256")
        leaf = issuer.issue(key, _core.CertificateSpec("app.pin.test", dns=["app.pin.test"]))
        files = cls(directory / "key.pem", directory / "chain.pem", _core.Credential(key, [leaf, issuer.certificate]))
        descriptor = os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.private_pem())
        files.chain.write_text(leaf.pem + issuer.certificate.pem)
        return files

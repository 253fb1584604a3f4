"""One entry of each format of pin files, for a name; and whom it pins."""

from __future__ import annotations

import json
import plistlib
from collections.abc import Callable
from pathlib import Path

from pindrill.pinfiles import PinFile
from pindrill.pinfiles.lint import lint
from pindrill.pinfiles.model import Severity
from pindrill.pinfiles.pin_file import rules_for

from support.pin_vectors import AT, text
from support.planned import nsc, put

PINS = [text(1), text(2)]
Maker = Callable[[Path, str], Path]


def nsc_file(path: Path, name: str) -> Path:
    return put(path.with_suffix(".xml"), nsc(*PINS, host=name.replace("&", "&amp;")))


def ats_file(path: Path, name: str) -> Path:
    entry = {
        "NSIncludesSubdomains": True,
        "NSPinnedLeafIdentities": [{"SPKI-SHA256-BASE64": pin} for pin in PINS],
    }
    return _plist(path, {"NSAppTransportSecurity": {"NSPinnedDomains": {name: entry}}})


def trustkit_file(path: Path, name: str) -> Path:
    entry = {"TSKIncludeSubdomains": True, "TSKPublicKeyHashes": PINS}
    return _plist(path, {"TSKConfiguration": {"TSKSwizzleNetworkDelegates": False, "TSKPinnedDomains": {name: entry}}})


def _plist(path: Path, values: dict[str, object]) -> Path:
    target = path.with_suffix(".plist")
    target.write_bytes(plistlib.dumps(values))
    return target


def okhttp_file(path: Path, name: str) -> Path:
    literal = json.dumps(name, ensure_ascii=False)
    return put(
        path.with_suffix(".kt"),
        f"val p = CertificatePinner.Builder().add({literal}, "
        + ", ".join(f'"sha256/{pin}"' for pin in PINS)
        + ").build()\n",
    )


def react_file(path: Path, name: str) -> Path:
    hashes = json.dumps(PINS)
    return put(
        path.with_suffix(".ts"),
        f"initializeSslPinning({{ {json.dumps(name, ensure_ascii=False)}: {{ includeSubdomains: true, "
        f"publicKeyHashes: {hashes} }} }});\n",
    )


def git_file(path: Path, address: str) -> Path:
    pins = ";".join(f"sha256//{pin}" for pin in PINS)
    return put(path.with_suffix(".gitconfig"), f'[http "{address}"]\n\tpinnedPubkey = "{pins}"\n')


def dane_file(path: Path, name: str) -> Path:
    return put(path.with_suffix(".zone"), f"_443._tcp.{name} IN TLSA 3 1 1 {'ab' * 32}\n")


def curl_file(path: Path, address: str) -> Path:
    return put(path.with_suffix(".sh"), f"curl --pinnedpubkey 'sha256//{PINS[0]}' {address}\n")


def is_pinned(file: PinFile, host: str) -> bool:
    return any(rule.all_pins for rule in rules_for(file, host))


def rules_found(file: PinFile) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in lint([file], AT)}

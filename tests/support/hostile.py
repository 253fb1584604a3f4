"""Texts and archives that make a careless reader slow or end it: a head that chooses a format, then one piece again and
again. And how a file is refused."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pindrill.model import UsageError
from pindrill.pinfiles import read_all

_PIN = "j+xYj/V1xGV9QDoxK/H6eeRShzP/460N0wlgJychs/I="
_NSC = "<network-security-config><domain-config><domain>a.example.com</domain>"
_PLIST = "<plist><dict><key>NSAppTransportSecurity</key><dict><key>NSPinnedDomains</key><dict>"
_TSK = "<plist><dict><key>TSKConfiguration</key><dict><key>TSKPinnedDomains</key><dict>"
_EXCLUDED = "<dict><key>kSKExcludeSubdomainFromParentPolicy</key><true/></dict>"
HEADS = {
    "nothing": "",
    "okhttp": 'CertificatePinner.Builder().add("a.com", "sha256/AA")\n',
    "okhttp, open": "CertificatePinner.Builder().add(",
    "flutter": "allowedSHAFingerprints: [",
    "react-native": "initializeSslPinning({",
    "curl": "curl --pinnedpubkey 'sha256//AA' https://a.com\n",
    "curl, open": "curl --pinnedpubkey ",
    "curlrc": "pinnedpubkey = x\n",
    "git": "[http]\npinnedPubkey = sha256//AA\n",
    "git, open": '[http "',
    "git, command": "git -c http.",
    "hpkp": 'Public-Key-Pins: pin-sha256="AA"; ',
    "envoy": "verify_certificate_spki: [AA]\n",
    "envoy, open": "verify_certificate_spki: ",
    "dane": "a TLSA 3 1 1 AA\n",
    "dane, open": "a TLSA ",
    "nsc": "<network-security-config>",
    "nsc, domain": "<network-security-config><domain-config><domain>",
    "ats": _PLIST,
}
PIECES = (
    *"\n \t\"'`([{<#\\a.-*;=$&0,:\r\v\f\u2028\x85\u00e9\u0301",
    "\n ",
    " \n",
    "\\\n",
    "/*",
    "//",
    '"""',
    "a.",
    "a,",
    "a;",
    "a=",
    "a: ",
    "- ",
    "&a [*a,",
    "*a ",
    "&a;",
    "3 ",
    "3 1 1 ",
    "3 1 1 (\n",
    "a TLSA ",
    "http.",
    "pinnedpubkey ",
    "pinnedpubkey = x\n",
    "pinnedpubkey=",
    "--pinnedpubkey ",
    "[http]\n",
    "[http] ",
    "Public-Key-Pins: ",
    'pin-sha256="',
    "sha256//",
    ";sha256//",
    "add(",
    ".add(",
    "b = CertificatePinner.Builder()\n",
    "CertificatePinner.Builder().apply { ",
    "CertificatePinner.Builder(",
    'x="a"+',
    'x="a"\n',
    "x: ",
    "class x ",
    "<a>",
    "<a/>",
    "<domain>a</domain>",
    "<domain-config>",
    "<pin>a</pin>",
    "<key>a</key><dict>",
    "<array>",
    "https://a ",
    "initializeSslPinning(",
    "allowedSHAFingerprints:",
    "serverURL:",
    '"a":{',
    '"a":[',
    "const x=[",
)


def repeated(size: int) -> Iterator[tuple[str, str]]:
    for name, head in HEADS.items():
        for piece in PIECES:
            yield f"{name} + {piece!r}", head + piece * (size // len(piece))


def structured(size: int) -> dict[str, str]:
    """Well-formed files of about this size whose parts refer to one another: every pair of them could be compared."""
    rules = size // 120
    domains = "".join(f"<domain>h{number}.example.com</domain>" for number in range(size // 60))
    pins = f'<pin digest="SHA-256">{_PIN}</pin>' * min(size // 160, 900)
    nested = f'<domain-config><domain includeSubdomains="true">example.com</domain><pin-set>{pins}</pin-set>'
    inside = "".join(
        f"<domain-config><domain>n{number}.example.com</domain></domain-config>" for number in range(size // 140)
    )
    adds = "".join(f'.add("*.h{number}.example.com", "sha256/{_PIN}")' for number in range(min(rules, 200)))
    entries = "".join(f"<key>h{number}.example.com</key>{_EXCLUDED}" for number in range(rules))
    marks = (chr(0x301) + chr(0x323)) * (size // 4)
    end = "</domain-config></network-security-config>"
    return {
        "domains that share pins": f"{_NSC}{domains}<pin-set>{pins}</pin-set>{end}",
        "configs that inherit pins": f"<network-security-config>{nested}{inside}{end}",
        "one pin again and again": f"{_NSC}<pin-set>{pins}</pin-set>{end}",
        "excluded names": f"{_TSK}{entries}</dict></dict></dict></plist>",
        "a name of many labels": f"{_NSC}<domain>{'a.' * (size // 2)}com</domain>{end}",
        "a name of many marks": f"{_NSC}<domain>a{marks}</domain>{end}",
        "an address of many marks": f"curl --pinnedpubkey 'sha256//A' 'https://a{marks}'\n",
        "calls of add": f"CertificatePinner.Builder(){adds}",
        "git sections": "".join(
            f'[http "https://h{number}.example.com"]\npinnedpubkey = x\n' for number in range(rules)
        ),
    }


def folded_plist(keys: int) -> bytes:
    """A binary property list of a few kilobytes whose dictionaries all hold the next one under each of many keys."""
    names = [f"k{number}".encode() for number in range(keys)]
    objects = [bytes([0x50 | len(name)]) + name for name in names]
    depth = 3
    root = len(objects)
    title = b"NSAppTransportSecurity"
    objects.append(b"\xd1" + struct.pack(">HH", root + 1, root + 2))
    objects.append(b"\x5f\x10" + bytes([len(title)]) + title)
    for level in range(depth):
        following = root + 3 + level
        references = struct.pack(f">{keys}H", *range(keys)) + struct.pack(">H", following) * keys
        objects.append(b"\xdf\x11" + struct.pack(">H", keys) + references)
    objects.append(b"\x09")
    data, offsets = b"bplist00", []
    for each in objects:
        offsets.append(len(data))
        data += each
    table = b"".join(struct.pack(">I", offset) for offset in offsets)
    return data + table + struct.pack(">6xBBQQQ", 4, 2, len(objects), root, len(data))


def archive(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as writer:
        for name, data in members.items():
            writer.writestr(name, data)
    return path


def refused(path: Path) -> str:
    """With what words; they begin with the path."""
    with pytest.raises(UsageError) as caught:
        read_all(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)

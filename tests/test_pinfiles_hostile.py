"""Pin files are hostile: refused with a sentence, in bounded time and memory, whatever is in them."""

from __future__ import annotations

import atexit
import os
import plistlib
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from pindrill.model import UsageError
from pindrill.pinfiles import PinFile, read_all
from pindrill.pinfiles.detect import read_text
from pindrill.pinfiles.lint import lint
from pindrill.pinfiles.source import Source
from support.hostile import refused
from support.pin_vectors import APK, AT, PLAIN

LIMIT = 512 << 20
"""Bytes of address space beyond what the interpreter takes when it has loaded everything."""

settings.register_profile("pin files", derandomize=True, database=None, deadline=None)
settings.load_profile("pin files")
# It keeps files from the collection on; they go when the process ends.
_HOME = Path(tempfile.mkdtemp())
set_hypothesis_home_dir(str(_HOME))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)


# --- what a parser may do: answer, or refuse ------------------------------------------------------------------

PLAIN_IDS = [f"{path.parent.name}/{path.name}" for path in PLAIN]


def answers_or_refuses(data: bytes, name: str = "file") -> None:
    """Anything but a UsageError goes through and fails the test."""
    told = name
    try:
        files = read_text(Source(name, data))
    except UsageError as error:
        told = str(error)
        files = []
    assert told.startswith(name)
    assert all(finding.line >= 1 for finding in lint(files, AT))


@pytest.mark.parametrize("path", PLAIN, ids=PLAIN_IDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_answered_or_refused(path: Path, data: st.DataObject) -> None:
    original = path.read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(original) - 1))
        piece = data.draw(st.binary(max_size=6) | st.sampled_from(PIECES))
        damaged[at : at + data.draw(st.integers(0, 12))] = piece
    answers_or_refuses(bytes(damaged), path.name)


PIECES = [
    b"<",
    b">",
    b"{",
    b"[",
    b"(",
    b'"',
    b"'",
    b"&a;",
    b"\\",
    b"/*",
    b"*/",
    b";",
    b"\xff",
    b"\0",
    b"*",
    b"sha256//",
    b"$",
]


@settings(max_examples=300)
@given(
    st.sampled_from(
        [
            "CertificatePinner.Builder().add",
            "allowedSHAFingerprints:",
            "initializeSslPinning",
            "--pinnedpubkey ",
            "[http]\n",
            "Public-Key-Pins: ",
            "verify_certificate_spki: ",
            "TLSA 3 1 1 ",
            "<network-security-config>",
            "<plist>",
        ]
    ),
    st.text(alphabet=st.sampled_from("(){}[]<>\"'`;:,=+.*/\\ \n\tAa0$#&-_!|"), max_size=60),
)
def test_any_text_behind_a_keyword_is_answered_or_refused(keyword: str, text: str) -> None:
    answers_or_refuses((keyword + text).encode())


def plist_values() -> st.SearchStrategy[object]:
    keys = st.sampled_from(
        [
            "NSAppTransportSecurity",
            "NSPinnedDomains",
            "NSPinnedLeafIdentities",
            "SPKI-SHA256-BASE64",
            "example.com",
            "TSKConfiguration",
            "TSKPinnedDomains",
            "TSKPublicKeyHashes",
            "TSKExpirationDate",
            "NSExceptionDomains",
            "TSKEnforcePinning",
            "NSIncludesSubdomains",
            "kSKExcludeSubdomainFromParentPolicy",
            "TSKReportUris",
        ]
    )
    leaves = st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.datetimes(),
    )
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
@settings(max_examples=60)
@given(values=st.dictionaries(st.sampled_from(["NSAppTransportSecurity", "TSKConfiguration"]), plist_values()))
def test_a_plist_of_wrong_types_is_answered_or_refused(form: plistlib.PlistFormat, values: dict[str, object]) -> None:
    try:
        data = plistlib.dumps(values, fmt=form)
    except (TypeError, ValueError):  # a control character in a text
        return
    answers_or_refuses(data)


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_binary_xml_is_answered_or_refused(data: st.DataObject) -> None:
    with zipfile.ZipFile(APK / "ordinary.apk") as archive:
        damaged = bytearray(archive.read("res/xml/network_security_config.xml"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(damaged) - 1))
        damaged[at] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 8, 16, 127, 128, 255]))
    answers_or_refuses(bytes(damaged[: data.draw(st.integers(4, len(damaged)))]))


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    for head in (b"", b"\x03\x00\x08\x00", b"bplist00", b"PK\x03\x04", b"\xff\xfe", b"<plist>"):
        answers_or_refuses(head + data)


# --- size -----------------------------------------------------------------------------------------------------


def test_a_file_of_a_gibibyte(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    with path.open("wb") as file:
        file.write(b"<network-security-config>")
        file.truncate(1 << 30)
    assert "larger than 8 MiB" in refused(path)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "no regular file" in refused(pipe)
    assert "is a directory" in refused(tmp_path)
    assert "cannot be read" in refused(tmp_path / "missing")
    assert "no regular file" in refused(Path("/dev/zero"))


MEGABYTE = 1_000_000
LARGE: dict[str, Callable[[], bytes]] = {
    "deep XML": lambda: b"<network-security-config>" + b"<a>" * MEGABYTE,
    "wide XML": lambda: b"<network-security-config>" + b"<a/>" * MEGABYTE,
    "long attribute": lambda: b"<network-security-config a='" + b"x" * (7 * MEGABYTE) + b"'/>",
    "deep plist": lambda: b"<plist><dict><key>NSAppTransportSecurity</key>" + b"<array>" * MEGABYTE,
    "deep YAML": lambda: b"verify_certificate_spki: " + b"[" * MEGABYTE,
    "wide YAML": lambda: b"verify_certificate_spki: [" + b"a," * 400_000 + b"]",
    "YAML aliases": lambda: b"verify_certificate_spki: &a [x]\n" + b"b: [*a, *a]\n" * 60_000,
    "deep calls": lambda: b"CertificatePinner" + b".Builder(" * 100_000,
    "calls of add": lambda: b"x = CertificatePinner.Builder(); " + b'x.add("a", "b"); ' * 50_000,
    "nested calls": lambda: b"initializeSslPinning(" * 45_000,
    "nested lists": lambda: b"allowedSHAFingerprints: [" * 40_000,
    "quotes": lambda: b"CertificatePinner " + b'\\"' * 480_000,
    "comments": lambda: b"CertificatePinner " + b"/*" * 480_000,
    "a long command": lambda: b"curl --pinnedpubkey '" + b"a;" * 480_000,
    "many commands": lambda: b"curl --pinnedpubkey 'sha256//a' x\n" * 29_000,
    "a long address": lambda: b"--pinnedpubkey " + b"http." * 190_000,
    "many headers": lambda: b"Public-Key-Pins: a\n" * 52_000,
    "records": lambda: b"TLSA\n" + b"3 1 1 (\n" * 120_000,
    "hex": lambda: b"TLSA 3 1 1 " + b"ab " * 330_000,
}
PROBE = """
import resource, sys
from pathlib import Path
from pindrill.model import UsageError
from pindrill.pinfiles import read_all
from pyaxmlparser.axmlparser import AXMLParser
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
try:
    read_all(sys.argv[1])
except UsageError:
    pass
"""


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_takes_bounded_memory_and_work(tmp_path: Path, name: str) -> None:
    """The probe is ended where the work grows with the square of the size, which would take hours."""
    path = tmp_path / "file"
    path.write_bytes(LARGE[name]())
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), str(LIMIT)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]


def test_the_memory_limit_is_one(tmp_path: Path) -> None:
    """The probe itself fails where more is taken."""
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY or LIMIT > 0
    done = subprocess.run(
        [sys.executable, "-c", PROBE.replace("read_all(sys.argv[1])", "bytes(1 << 30)"), "x", str(LIMIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MemoryError" in done.stderr


def test_readers_return_what_was_asked_for() -> None:
    assert all(isinstance(file, PinFile) for path in PLAIN for file in read_all(path))

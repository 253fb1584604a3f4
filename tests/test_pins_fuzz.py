"""Every command over damaged files: an answer or a sentence, an exit code that means what it says, never a traceback.

PINDRILL_FUZZ_EXAMPLES sets how many damages each command is given; the default is for every day."""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pindrill.pinfiles.formats import WRITTEN
from support.cli import Pindrill, Ran
from support.hostile import archive
from support.pin_vectors import PLAIN, VECTORS
from support.planned import HOST, cross_signed, csr, intermediate, leaf, new_key, private_pem, put, root

EXAMPLES = int(os.environ.get("PINDRILL_FUZZ_EXAMPLES", "40"))
AT = "2026-06-01"
FILES = [*PLAIN, *sorted(VECTORS.glob("apk/*.apk")), *sorted(VECTORS.glob("lint/*/*"))]
PIECES = (
    *(b"<", b">", b"{", b"[", b"(", b'"', b"'", b"\\", b"/*", b";", b"\xff", b"\0", b"*", b"$", b"\n", b".", b"="),
    *("²".encode(), "٣".encode(), "ß".encode(), b"sha256//", b"-1", b"9" * 5000, b"\xed\xa0\x80", b"e3b0c442"),
)
QUICK = settings(
    max_examples=EXAMPLES,
    derandomize="PINDRILL_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def damaged(data: st.DataObject, original: bytes) -> bytes:
    """Cut, or with pieces in other places."""
    made = bytearray(original)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(len(made) - 1, 0)))
        made[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
    if data.draw(st.integers(0, 4)) == 0:
        del made[data.draw(st.integers(0, len(made))) :]
    return bytes(made)


def judge(ran: Ran, arguments: tuple[str, ...]) -> None:
    """0 or an answer, 1 only with a finding or a verdict, 2 and 3 with a sentence."""
    told = f"{arguments}: {ran.code}\n{ran.out[-500:]}\n{ran.err[-1500:]}"
    assert "Traceback" not in ran.err, told
    assert "bug of pindrill" not in ran.err, told
    assert ran.code in (0, 1, 2, 3), told
    if ran.code == 2:
        assert re.match(r"pindrill: .|Usage: ", ran.err), told
    if ran.code == 1:
        finds = {"pins lint": r": error: ", "preflight": "locked out|without a pin", "gate": "", "plan": ""}
        command = " ".join(arguments[:2]) if arguments[0] == "pins" else arguments[0]
        assert command in finds, told
        assert re.search(finds[command], ran.out), told
    if ran.code == 3:
        assert arguments[0] in ("preflight", "plan", "gate"), told


def chain(directory: Path) -> tuple[Path, Path, Path]:
    """What is served, what is to be, and the roots."""
    old, new = root("Old"), root("New")
    issuer, other = intermediate("Issuer", old), intermediate("Other", new)
    return (
        put(directory / "now.pem", leaf(issuer, new_key(), "2026-05-20"), issuer.pem),
        put(directory / "next.pem", leaf(other, new_key(), "2026-05-20"), other.pem, cross_signed(new, old)),
        put(directory / "roots.pem", old.pem, new.pem),
    )


def commands(file: str) -> list[tuple[str, ...]]:
    converts = [
        (
            "pins",
            "convert",
            file,
            "--to",
            target.name,
            "--pins-are",
            each,
            "--host",
            HOST,
            "--max-age",
            "60",
            "--at",
            AT,
        )
        for target in WRITTEN
        for each in ("leaf", "ca")
    ]
    return [
        ("pins", "show", file, "--at", AT),
        ("pins", "show", "--json", file, "--at", AT),
        ("pins", "lint", file, "--at", AT),
        ("pins", "lint", file, "--chain", "now.pem", "--host", HOST, "--at", AT),
        ("pins", "diff", file, "good.xml", "--at", AT),
        ("pins", "of", file),
        ("preflight", "--pins", file, "--chain", "next.pem", "--trust", "roots.pem", "--at", AT),
        ("preflight", "--pins", file, "--chain", "next.pem", "--current", "now.pem", "--host", HOST, "--at", AT),
        ("gate",),
        ("plan", "plan.toml"),
        *converts,
    ]


PLAN = """host = "api.example.com"
current = "now.pem"
pins = ["NAME"]
[[step]]
date = 2026-07-01
do = "renew"
"""


def place(pindrill: Pindrill, name: str) -> None:
    here = pindrill.directory
    if not (here / "now.pem").exists():
        chain(here)
        put(here / "good.xml", (VECTORS / "android-nsc" / "ordinary.xml").read_text())
    put(here / "pindrill.toml", f'[pins]\nfiles = [{json.dumps(name)}]\n[preflight]\nchains = ["now.pem"]\n')
    put(here / "plan.toml", PLAN.replace("NAME", name))


@pytest.mark.parametrize("number", range(len(commands("x"))), ids=[" ".join(each[:6]) for each in commands("x")])
@QUICK
@given(data=st.data())
def test_a_damaged_pin_file(pindrill: Pindrill, number: int, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(FILES))
    name = f"file{source.suffix}"
    place(pindrill, name)
    (pindrill.directory / name).write_bytes(damaged(data, source.read_bytes()))
    arguments = commands(name)[number]
    judge(pindrill.call(*arguments), arguments)


@QUICK
@given(data=st.data())
def test_init_over_damaged_files(pindrill: Pindrill, data: st.DataObject) -> None:
    here = pindrill.directory
    (here / "pindrill.toml").unlink(missing_ok=True)
    for number, source in enumerate(data.draw(st.lists(st.sampled_from(FILES), max_size=3))):
        (here / f"{number}{source.suffix}").write_bytes(damaged(data, source.read_bytes()))
    ran = pindrill.call("init")
    judge(ran, ("init",))
    assert ran.code == 0


@pytest.mark.parametrize(
    "which", ["now.pem", "next.pem", "roots.pem", "key.pem", "csr.pem", "plan.toml", "pindrill.toml"]
)
@QUICK
@given(data=st.data())
def test_a_damaged_file_beside_it(pindrill: Pindrill, which: str, data: st.DataObject) -> None:
    place(pindrill, "good.xml")
    here = pindrill.directory
    if not (here / which).exists():
        key = new_key()
        put(here / which, private_pem(key) if which == "key.pem" else csr(key))
    before = (here / which).read_bytes()
    (here / which).write_bytes(damaged(data, before))
    asked = {
        "now.pem": (commands("good.xml")[3], commands("good.xml")[7], ("plan", "plan.toml"), ("gate",)),
        "next.pem": (commands("good.xml")[6],),
        "roots.pem": (commands("good.xml")[6],),
        "plan.toml": (("plan", "plan.toml"),),
        "pindrill.toml": (("gate",),),
    }.get(which, (("pins", "of", which),))
    try:
        for arguments in asked:
            judge(pindrill.call(*arguments), arguments)
    finally:
        (here / which).write_bytes(before)


# --- archives ---------------------------------------------------------------------------------------------------


def apk() -> bytes:
    return (VECTORS / "apk" / "ordinary.apk").read_bytes()


def wrong_data(path: Path) -> None:
    """The packed bytes of every member are noise: no stream of deflate."""
    data = bytearray(apk())
    with zipfile.ZipFile(VECTORS / "apk" / "ordinary.apk") as whole:
        for info in whole.infolist():
            names, extra = struct.unpack_from("<HH", data, info.header_offset + 26)
            start = info.header_offset + 30 + names + extra
            data[start : start + info.compress_size] = b"\xff" * info.compress_size
    path.write_bytes(data)


def changed(where: bytes, offset: int, value: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        data = bytearray(apk())
        at = data.find(where)
        while at >= 0:
            data[at + offset : at + offset + len(value)] = value
            at = data.find(where, at + 4)
        path.write_bytes(data)

    return make


def twice(path: Path) -> None:
    with zipfile.ZipFile(VECTORS / "apk" / "ordinary.apk") as whole, zipfile.ZipFile(path, "w") as copy:
        for name in whole.namelist():
            for _ in range(2):
                copy.writestr(name, whole.read(name))


def bomb(path: Path) -> None:
    archive(path, {"AndroidManifest.xml": b"\0" * (80 << 20)})


def packed(how: int) -> Callable[[Path], None]:
    """In another way than deflate, and then broken."""

    def make(path: Path) -> None:
        archive(path, {"Payload/A.app/Info.plist": b"<plist>" * 500}, how)
        data = bytearray(path.read_bytes())
        data[70:90] = b"\xff" * 20
        path.write_bytes(data)

    return make


_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ARCHIVES: dict[str, Callable[[Path], None]] = {
    "broken stream": wrong_data,
    "wrong checksum": changed(_CENTRAL, 16, b"\1\2\3\4"),
    "encrypted": changed(_CENTRAL, 8, b"\1\0"),
    "another way of packing": changed(_CENTRAL, 10, b"\x63\0"),
    "offsets outside": changed(_CENTRAL, 42, b"\xff\xff\xff\x7f"),
    "sizes of 4 GiB": changed(_CENTRAL, 20, b"\xfe\xff\xff\xff\xfe\xff\xff\xff"),
    "local headers of another kind": changed(_LOCAL, 4, b"\xff" * 26),
    "a table of contents elsewhere": changed(_END, 16, b"\xff\xff\xff\x7f"),
    "a table of contents of another length": changed(_END, 12, b"\1\0\0\0"),
    "names that are no UTF-8": changed(_CENTRAL, 46, b"\xff\xfe\xff"),
    "two of each": twice,
    "a bomb": bomb,
    "bzip2, broken": packed(zipfile.ZIP_BZIP2),
    "LZMA, broken": packed(zipfile.ZIP_LZMA),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_hostile_archive(pindrill: Pindrill, kind: str) -> None:
    place(pindrill, "app.apk")
    ARCHIVES[kind](pindrill.directory / "app.apk")
    for arguments in commands("app.apk")[:12]:
        ran = pindrill.call(*arguments)
        judge(ran, arguments)
        # Sizes that are told too large hide nothing: the stream has an end of its own, and its checksum is right.
        assert ran.code == 2 or kind == "sizes of 4 GiB", (arguments, ran)


@pytest.mark.parametrize(
    "text", [f'host = "{"9" * 5000}"\n', f"rollout_days = {'9' * 5000}\n", PLAN.replace("now.pem", "9" * 5000)]
)
def test_a_plan_of_long_words(pindrill: Pindrill, text: str) -> None:
    place(pindrill, "good.xml")
    put(pindrill.directory / "plan.toml", text)
    ran = pindrill.call("plan", "plan.toml")
    judge(ran, ("plan", "plan.toml"))
    assert ran.code == 2


def test_a_table_of_the_field_may_be_damaged_too(pindrill: Pindrill) -> None:
    place(pindrill, "good.xml")
    here = pindrill.directory
    put(here / "plan.toml", PLAN.replace('pins = ["NAME"]', 'field = "field.csv"'))
    for text in (
        "version,pin_file,share\n",
        "version,pin_file,share\n1,good.xml,1e999\n",
        '"',
        "version,version\n1,2\n",
    ):
        put(here / "field.csv", text)
        judge(pindrill.call("plan", "plan.toml"), ("plan", "plan.toml"))


# --- nothing is written of nothing ------------------------------------------------------------------------------


EMPTY = {
    "nsc": ("x.xml", "<network-security-config></network-security-config>"),
    "no pins": (
        "x.xml",
        "<network-security-config><domain-config><domain>a.com</domain></domain-config></network-security-config>",
    ),
    "hpkp": ("x.txt", "Public-Key-Pins: max-age=0\n"),
    "ats": ("x.plist", "<plist><dict><key>NSPinnedDomains</key><dict/></dict></plist>"),
    "okhttp": ("x.kt", 'val p = CertificatePinner.Builder().add("a.com").build()\n'),
    "git, ignored": ("x.config", '[http "a.com"]\n\tpinnedPubkey = sha256//A\n'),
    "okhttp, unread": ("x.kt", "val p = CertificatePinner.Builder().add(host(), pin()).build()\n"),
}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("target", [form.name for form in WRITTEN])
def test_convert_writes_nothing_of_nothing(pindrill: Pindrill, kind: str, target: str) -> None:
    name, text = EMPTY[kind]
    put(pindrill.directory / name, text)
    ran = pindrill.call("pins", "convert", name, "--to", target, "--host", HOST, "--max-age", "60", "-o", "out")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("pindrill: ")
    assert not (pindrill.directory / "out").exists()


def test_convert_writes_no_part(pindrill: Pindrill) -> None:
    """One call that is read, one that only running the code would show."""
    text = (VECTORS / "okhttp" / "Pinner.kt").read_text()
    put(pindrill.directory / "x.kt", text + "\nval q = CertificatePinner.Builder().add(host(), pin()).build()\n")
    ran = pindrill.call("pins", "convert", "x.kt", "--to", "android-nsc", "--at", AT)
    assert (ran.code, ran.out) == (2, "")
    assert "unread" in ran.err


def test_the_end_of_memory_is_no_bad_file(pindrill: Pindrill, monkeypatch: pytest.MonkeyPatch) -> None:
    place(pindrill, "good.xml")

    def no_room(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pindrill.pinfiles.asked.read_all", no_room)
    ran = pindrill.call("pins", "show", "good.xml")
    assert (ran.code, ran.out) == (3, "")
    assert "out of memory" in ran.err

"""`pindrill rehearse`: a plan played on real clients, with stand-ins or with the real keys."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pindrill.keyring import Keyring
from pindrill.model import HOST as REHEARSED
from pindrill.model import Served
from pindrill.preflight.plan_file import read_plan
from pindrill.rehearsal.cast import Cast, NotHere, told
from pindrill.rehearsal.play import RehearsalLine
from support.cli import CURL, Pindrill
from support.planned import csr, curl, intermediate, leaf, new_key, nsc, private_pem, put, root, spki_pin

CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"
PLAN = """host = "api.example.com"
current = "current.pem"
trust = "roots.pem"
pins = [{pins}]

[[step]]
date = 2027-02-01
do = "rekey"
csr = "backup.csr"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "plan"
    place.mkdir()
    authority = root("Root")
    issuer, key, backup = intermediate("Issuer", authority), new_key(), new_key()
    put(place / "current.pem", leaf(issuer, key, "2027-01-01"), issuer.pem)
    put(place / "roots.pem", authority.pem)
    put(place / "backup.csr", csr(backup))
    put(place / "current.key", private_pem(key))
    put(place / "backup.key", private_pem(backup))
    put(place / "pin.txt", f"sha256//{spki_pin(key)};sha256//{spki_pin(backup)}")
    put(place / "leaf.sh", curl(spki_pin(key)))
    put(place / "backup.sh", curl(spki_pin(key), spki_pin(backup)))
    put(place / "root.xml", nsc(authority.pin))
    return place


def plan(place: Path, *pins: str) -> str:
    return str(put(place / "plan.toml", PLAN.format(pins=", ".join(f'"{name}"' for name in pins))))


def rehearse(pindrill: Pindrill, plan_file: str, *more: str, client: tuple[str, ...] = CURL) -> tuple[int, list[Any]]:
    lines = pindrill.directory / "lines.jsonl"
    ran = pindrill.run("rehearse", plan_file, "--tls", "1.3", "--json", str(lines), *more, "--", *client)
    assert ran.code in (0, 1, 3), ran.err
    return ran.code, [json.loads(line) for line in lines.read_text().splitlines()]


def did(lines: list[Any], file: str) -> list[tuple[str, str, str]]:
    return [(line["phase"], line["predicted"], line["did"]) for line in lines if line["file"].endswith(file)]


def test_curl_does_what_its_pins_were_predicted_to_do(pindrill: Pindrill, place: Path) -> None:
    code, lines = rehearse(pindrill, plan(place, "leaf.sh", "backup.sh"), "--semantics", "position=leaf")
    assert code == 0
    assert did(lines, "leaf.sh") == [
        ("before", "accepts", "accepted"),
        ("after", "locked-out", "refused"),
        ("back", "accepts", "accepted"),
    ]
    assert {each[2] for each in did(lines, "backup.sh")} == {"accepted"}
    assert all(line["agrees"] for line in lines)
    assert not any(line["real_key"] for line in lines)


def test_a_client_that_does_not_pin_is_not_as_predicted(pindrill: Pindrill, place: Path) -> None:
    unpinned = ("sh", "-c", "curl -sS --cacert '{ca_file}' '{url}' # {pins}")
    code, lines = rehearse(pindrill, plan(place, "leaf.sh"), "--semantics", "position=leaf", client=unpinned)
    assert code == 1
    [after] = [line for line in lines if line["phase"] == "after"]
    assert (after["predicted"], after["did"], after["agrees"]) == ("locked-out", "accepted", False)


def test_a_client_that_accepts_nothing_proves_nothing(pindrill: Pindrill, place: Path) -> None:
    broken = ("sh", "-c", "curl -sS '{url}' # {pins}")
    code, lines = rehearse(pindrill, plan(place, "leaf.sh"), "--semantics", "position=leaf", client=broken)
    assert code == 1
    [after] = [line for line in lines if line["phase"] == "after"]
    assert (after["did"], after["agrees"]) == ("unclear", None)


def test_a_client_that_pins_otherwise_is_told_apart(pindrill: Pindrill, place: Path) -> None:
    code, lines = rehearse(pindrill, plan(place, "root.xml"), "--semantics", "position=leaf")
    assert code == 3
    assert {(line["predicted"], line["did"], line["otherwise"]) for line in lines} == {
        ("accepts", "refused", "locked-out")
    }
    assert {line["agrees"] for line in lines} == {None}


def test_androids_own_code_does_what_is_predicted_of_its_file(pindrill: Pindrill, place: Path) -> None:
    lines = pindrill.directory / "lines.jsonl"
    arguments = ["--client", str(CLIENTS / "android-nsc"), "--json", str(lines)]
    ran = pindrill.run("rehearse", plan(place, "root.xml", "leaf.sh"), *arguments)
    assert ran.code == 0, ran.out + ran.err
    assert "as predicted" in ran.out
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert {(line["tls"], line["phase"]) for line in found} == {
        (tls, phase) for tls in ("1.2", "1.3") for phase in ("before", "after", "back")
    }


# --- who is served ---------------------------------------------------------------------------------------------


def test_a_key_that_is_imported_is_served_itself(pindrill: Pindrill, place: Path) -> None:
    options = ["--keyring", keyring(pindrill, place, leaf_current="current.key"), "--semantics", "position=leaf"]
    code, lines = rehearse(pindrill, plan(place, "leaf.sh"), *options)
    assert code == 0
    assert {line["phase"]: line["real_key"] for line in lines} == {"before": True, "after": False, "back": True}


def keyring(pindrill: Pindrill, place: Path, **keys: str) -> str:
    made = str(place / "keys")
    assert pindrill.call("keyring", "create", made).code == 0
    for label, file in keys.items():
        assert pindrill.call("keyring", "import", made, label.replace("_", "-"), str(place / file)).code == 0
    return made


def compiled_in(place: Path) -> tuple[str, ...]:
    """It has its pins built in, for the real host, and asks for nothing but where to go."""
    return ("curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", (place / "pin.txt").read_text(), "{url}")


def test_pins_that_are_compiled_in_meet_the_real_keys(pindrill: Pindrill, place: Path) -> None:
    keys = keyring(pindrill, place, leaf_current="current.key", leaf_backup="backup.key")
    options = ["--keyring", keys, "--pinned", str(place / "backup.sh"), "--semantics", "position=leaf"]
    code, lines = rehearse(pindrill, plan(place, "backup.sh"), *options, client=compiled_in(place))
    assert code == 0
    assert [(line["did"], line["real_key"], line["agrees"]) for line in lines] == [("accepted", True, True)] * 3


def test_what_depends_on_a_key_that_is_not_here_is_not_played(pindrill: Pindrill, place: Path) -> None:
    keys = keyring(pindrill, place, leaf_current="current.key")
    options = ["--keyring", keys, "--pinned", str(place / "backup.sh"), "--semantics", "position=leaf"]
    code, lines = rehearse(pindrill, plan(place, "backup.sh"), *options, client=compiled_in(place))
    assert code == 3
    assert {line["did"] for line in lines} == {"unsupported"}
    assert "the private half is not in --keyring" in lines[0]["reason"]


def test_a_foreign_key_locks_a_compiled_in_client_out(pindrill: Pindrill, place: Path) -> None:
    """Its refusal counts, for it accepts the chain of before."""
    put(place / "pin.txt", (place / "pin.txt").read_text().partition(";")[0])
    keys = keyring(pindrill, place, leaf_current="current.key")
    options = ["--keyring", keys, "--pinned", str(place / "leaf.sh"), "--semantics", "position=leaf"]
    code, lines = rehearse(pindrill, plan(place, "leaf.sh"), *options, client=compiled_in(place))
    assert code == 0
    assert did(lines, "leaf.sh") == [
        ("before", "accepts", "accepted"),
        ("after", "locked-out", "refused"),
        ("back", "accepts", "accepted"),
    ]


def test_stand_ins_have_the_shape_and_the_key_types_of_the_real_chain(place: Path) -> None:
    read = read_plan(Path(plan(place, "leaf.sh")))
    cast = Cast(Keyring())
    [step] = read.steps
    act = cast.act(step.servers[0], "before")
    real = read.current.certificates
    served = cast.credential(Served(key=act.label)).chain
    assert [certificate.is_ca for certificate in served] == [certificate.is_ca for certificate in real]
    assert served[0].dns_names == [REHEARSED]
    assert act.key.type_name == "P-256"
    assert not {certificate.subject for certificate in served[1:]} & {certificate.subject for certificate in real}
    assert all("TEST" in certificate.common_name for certificate in served[1:])
    # The pins follow the keys.
    pins = told(read.versions[0].files[0], "api.example.com", cast.stands_for, step.at)
    assert pins.values == (act.own_pin("spki"),)


def test_what_no_client_can_be_told_is_said(place: Path) -> None:
    read = read_plan(Path(plan(place, "leaf.sh")))
    [file] = read.versions[0].files
    with pytest.raises(NotHere, match="does not start"):
        told(type(file)(path="x", format=file.format, rules=file.rules, crash="a bad pin"), "h", {}, 0)


@pytest.mark.parametrize(
    ("predicted", "did_it", "agrees"),
    [
        ("accepts", "accepted", True),
        ("unprotected", "accepted", True),
        ("locked-out", "refused", True),
        ("locked-out", "accepted", False),
        ("accepts", "refused", False),
        ("unprotected", "refused", False),
        ("differs", "accepted", None),
        ("unknown", "refused", None),
        ("accepts", "unclear", None),
        ("locked-out", "unsupported", None),
    ],
)
def test_when_prediction_and_client_agree(predicted: str, did_it: Any, agrees: bool | None) -> None:
    line = RehearsalLine(
        step=1, name="", file="", tls="1.3", phase="after", predicted=predicted, did=did_it, reason="", otherwise=""
    )
    assert line.agrees is agrees


# --- usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "says"),
    [
        ((), "no client"),
        (("--pinned", "leaf.sh", "--", *CURL), "has a pin placeholder"),
        (("--pinned", "leaf.sh", "--edit-hosts", "--", "true", "{url}"), "--edit-hosts would send"),
        (("--client", str(CLIENTS / "curl"), "--", "true", "{url}"), "not both"),
        (("--", sys.executable, "{url}"), "no pin placeholder"),
        (("--deadline", "0", "--", *CURL), "--deadline"),
    ],
)
def test_usage(pindrill: Pindrill, place: Path, client: tuple[str, ...], says: str) -> None:
    arguments = [str(place / each) if each == "leaf.sh" else each for each in client]
    ran = pindrill.call("rehearse", plan(place, "leaf.sh"), *arguments)
    assert ran.code == 2
    assert says in ran.err

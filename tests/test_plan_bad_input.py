"""Plans and tables that cannot be: said before anything runs, with file and line, and how to mend them."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pindrill.model import UsageError
from pindrill.preflight.plan_file import read_plan
from support.cli import Pindrill
from support.planned import csr, intermediate, leaf, new_key, nsc, private_pem, put, root, spki_pin

VECTORS = Path(__file__).parent.parent / "fixtures" / "vectors" / "plans"
EXPECTED: dict[str, Any] = json.loads((VECTORS / "expected.json").read_text())
FIELD_PLAN = """host = "api.example.com"
current = "current.pem"
field = "field.csv"
start = 2027-01-01

[[step]]
date = 2027-03-01
do = "renew"
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the vectors name, so that each has one fault."""
    place = tmp_path_factory.mktemp("plan")
    authority = root("Root")
    issuer, key = intermediate("Issuer", authority), new_key()
    own = leaf(issuer, key, "2027-01-15")
    put(place / "current.pem", own, issuer.pem, authority.pem)
    put(place / "upside-down.pem", issuer.pem, own)
    put(place / "leaf-only.pem", own)
    put(place / "other-root.pem", root("Other root").pem)
    put(place / "key.pem", private_pem(key))
    put(place / "key.csr", csr(key))
    put(place / "pins.xml", nsc(spki_pin(key)))
    put(place / "field.csv", "version,pin_file,share\n1.0,pins.xml,60\n")
    return place


def lay(files: Path, place: Path, vector: str) -> tuple[Path, Path]:
    """The plan, and the file that is at fault."""
    shutil.copytree(files, place, dirs_exist_ok=True)
    if vector.endswith(".toml"):
        plan = shutil.copy(VECTORS / vector, place / "plan.toml")
        return Path(plan), Path(plan)
    return put(place / "plan.toml", FIELD_PLAN), Path(shutil.copy(VECTORS / vector, place / "field.csv"))


def test_every_vector_is_expected() -> None:
    assert {path.name for path in VECTORS.iterdir()} - {"expected.json"} == set(EXPECTED)


@pytest.mark.parametrize("vector", EXPECTED)
def test_what_where_and_how_to_mend_it(vector: str, files: Path, tmp_path: Path) -> None:
    plan, faulty = lay(files, tmp_path, vector)
    with pytest.raises(UsageError) as refused:
        read_plan(plan)
    said = str(refused.value)
    assert EXPECTED[vector]["says"] in said
    if vector not in ("leaf-last.toml", "pin-file-is-none.csv"):
        assert said.startswith(f"{faulty}:{EXPECTED[vector]['line']}: ")
        assert ";" in said


@pytest.mark.parametrize("command", ["plan", "runbook", "rehearse"])
def test_the_command_line_ends_with_2(command: str, files: Path, tmp_path: Path, pindrill: Pindrill) -> None:
    plan, _ = lay(files, tmp_path, "share-above-100.csv")
    client = ["--", "true", "{pins}", "{url}"] if command == "rehearse" else []
    ran = pindrill.call(command, str(plan), *client)
    assert ran.code == 2
    assert "the shares come to 110 %" in ran.err
    assert "Traceback" not in ran.err


def test_what_is_too_large_is_refused(files: Path, tmp_path: Path) -> None:
    plan, field = lay(files, tmp_path, "share-above-100.csv")
    field.write_text("version,pin_file,share\n" + "".join(f"{n},pins.xml,0\n" for n in range(1000)))
    with pytest.raises(UsageError, match="more than 200 versions"):
        read_plan(plan)
    plan.write_text("#" * (2 << 20))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_plan(plan)


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the plan"):
        read_plan(tmp_path)


_ALPHABET = st.text(alphabet=st.sampled_from("[]{}\"'=,.#\n\\ 0123456789-:TZabdehoprstuw_é\0\x1b"), max_size=200)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ALPHABET, st.integers(0, len(FIELD_PLAN)))
def test_no_text_of_a_plan_is_more_than_a_usage_error(files: Path, tmp_path: Path, noise: str, at: int) -> None:
    plan, _ = lay(files, tmp_path, "share-above-100.csv")
    put(tmp_path / "field.csv", "version,pin_file,share\n1.0,pins.xml,60\n")
    plan.write_text(FIELD_PLAN[:at] + noise + FIELD_PLAN[at:])
    with suppress(UsageError):
        read_plan(plan)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ALPHABET, st.integers(0, 40))
def test_no_text_of_a_table_is_more_than_a_usage_error(files: Path, tmp_path: Path, noise: str, at: int) -> None:
    plan, field = lay(files, tmp_path, "share-above-100.csv")
    text = "version,pin_file,share\n1.0,pins.xml,60\n"
    field.write_text(text[:at] + noise + text[at:])
    with suppress(UsageError):
        read_plan(plan)

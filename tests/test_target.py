"""What a client is told, as callables, tests and adapters have it: one type, which travels as JSON and back."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pindrill
import pytest
from pindrill import adapter, reports
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import TRUSTED_ROOTS, Target, TargetPins, TlsRange
from support.targets import pins, target

SCHEMA = json.loads((Path(reports.__file__).parent / "schemas" / "target.schema.json").read_text())


@pytest.mark.parametrize(
    "told",
    [
        target(),
        target(pins=None, headers={"Accept": "*/*"}, body="x", method="POST"),
        target(pins=(), requires=("h2",), tls=TlsRange(min="1.3", max="1.3")),
        target(pins=(*pins("a", ""), *pins("b")), client_certificate_file="/c.pem", client_key_file="/k.pem"),
        target(pins=(TargetPins(host="x", of="certificate", values=(), subdomains="one", expires="2030"),)),
    ],
)
def test_a_target_comes_back_as_it_was_sent(told: Target) -> None:
    assert Target.from_json(json.loads(json.dumps(told.to_json()))) == told


def test_fields_of_later_versions_are_left_out() -> None:
    message = target().to_json()
    message |= {"later": 1, "tls": {**message["tls"], "later": 2}, "pins": [{**message["pins"][0], "later": 3}]}
    assert Target.from_json(message) == target()


def test_its_fields_are_those_of_the_schema() -> None:
    for kind, described in (
        (Target, SCHEMA["properties"]),
        (TlsRange, SCHEMA["properties"]["tls"]["properties"]),
        (TargetPins, SCHEMA["$defs"]["pins"]["properties"]),
    ):
        assert {each.name for each in fields(kind)} == set(described) - {"version"}


def test_it_is_one_type_and_cannot_be_changed() -> None:
    assert pindrill.Target is adapter.Target is Target
    with pytest.raises(FrozenInstanceError):
        target().url = "https://elsewhere"  # type: ignore[misc]


def test_a_copy_of_the_adapter_helper_works_by_itself(tmp_path: Path) -> None:
    """Isolated from this environment: the standard library is all that it has."""
    shutil.copy(str(adapter.__file__), tmp_path / "adapter.py")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from adapter import serve\n"
        "class C:\n"
        " def __init__(self, target): pass\n"
        " def send(self, target): return f'{target.url} {target.pins[0].values[0]}'\n"
        " def close(self): print('closed')\n"
        "serve(C, ())"
    )
    told = target(trust_file=str(tmp_path / "adapter.py"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path)],
        input=json.dumps(told.to_json()) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    answer, closed = done.stdout.splitlines()
    assert told.pins
    assert json.loads(answer) == {
        "id": told.id, "result": "accepted", "body": f"{told.url} {told.pins[0].values[0]}",
    }  # fmt: skip
    assert closed == "closed"


def test_its_context_trusts_its_roots_alone_and_checks_names_and_versions(tmp_path: Path) -> None:
    trust = tmp_path / "trust.pem"
    trust.write_text(Mint(Keyring()).trust_pem(TRUSTED_ROOTS))
    context = target(trust_file=str(trust), tls=TlsRange(min="1.3", max="1.3")).ssl_context()
    assert len(context.get_ca_certs()) == len(TRUSTED_ROOTS)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is context.maximum_version is ssl.TLSVersion.TLSv1_3
    wide = target(trust_file=str(trust)).ssl_context()
    assert (wide.minimum_version, wide.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

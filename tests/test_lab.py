"""`pindrill.Lab`: drills and live servers from Python, without pytest."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from pindrill import Lab, Refused, Target, Unsupported, reports
from pindrill.keyring import Keyring
from pindrill.model import ROGUE, UsageError
from pindrill.results.line import line_text
from support.cli import CURL, UNPINNED_CURL

SCHEMA = json.loads((Path(reports.__file__).parent / "schemas" / "result.schema.json").read_text())


def careless(target: Target) -> str:
    """Trusts any server of a trusted CA."""
    with (
        socket.create_connection((target.host, target.port), timeout=target.deadline_s) as raw,
        target.ssl_context().wrap_socket(raw, server_hostname=target.host) as tls,
    ):
        tls.sendall(f"GET {target.path} HTTP/1.1\r\nHost: {target.host}\r\n\r\n".encode())
        return b"".join(iter(lambda: tls.recv(65536), b"")).decode()


@pytest.fixture(autouse=True)
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a lab makes is made here, and gone with it."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


def test_a_function_is_drilled(tmp: Path) -> None:
    before = socket.getaddrinfo
    with Lab() as lab:
        result = lab.drill(careless, scenarios=["IN5", "RO1"], tls="1.3")
        assert list(tmp.iterdir())
    assert list(tmp.iterdir()) == []
    assert socket.getaddrinfo is before
    assert {line.code: line.verdict for line in result.lines} == {"IN5": "fail-open", "RO1": "pass"}
    assert [line.code for line in result.violated] == ["IN5"]
    assert result.unjudged == ()
    assert "fail-open  careless: IN5" in result.text()
    for line in result.lines:
        jsonschema.validate(json.loads(line_text(line)), SCHEMA)
        assert line.repeat == "Lab().drill(careless, …)"


def test_a_function_says_what_it_cannot_do_and_what_it_refuses() -> None:
    def client(target: Target) -> str:
        if len((target.pins or ())[0].values) > 1:
            raise Unsupported("takes one pin")
        raise Refused("whatever it is")

    with Lab() as lab:
        result = lab.drill(client, scenarios="RO1", tls="1.3", strategies=["leaf-spki", "leaf-spki+backup"])
    found = {line.strategy: line for line in result.lines}
    assert found["leaf-spki+backup"].verdict == "unsupported"
    assert "takes one pin" in found["leaf-spki+backup"].reason
    assert found["leaf-spki"].verdict == "inconclusive", "it never connected"
    assert result.unjudged == (found["leaf-spki"],)


def test_a_command_is_drilled_where_its_names_resolve() -> None:
    with Lab() as lab:
        pinned = lab.drill(list(CURL), scenarios="IN5", tls="1.3")
        careless = lab.drill(list(UNPINNED_CURL), scenarios="IN5", tls="1.3")
    assert [line.verdict for line in pinned.lines] == ["pass"]
    assert [line.verdict for line in careless.violated] == ["fail-open"]
    assert pinned.lines[0].repeat.startswith("pindrill drill --only interception/genuine-leaf-appended ")


def test_a_client_file_is_drilled_with_what_it_declares(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    known = '[[known]]\nscenarios = ["IN5"]\nverdict = "fail-open"\nreason = "on purpose"\n'
    file.write_text(f'name = "app"\ndriver = "command"\ncommand = {json.dumps(list(UNPINNED_CURL))}\n{known}')
    with Lab() as lab:
        result = lab.drill(file, scenarios="IN5", tls="1.3")
    [line] = result.lines
    assert (line.client, line.verdict, line.known and line.known.reason) == ("app", "fail-open", "on purpose")
    assert result.violated == ()


def test_compiled_in_pins_need_their_keyring(tmp_path: Path) -> None:
    Keyring.create(tmp_path / "keys")
    with Lab() as lab, pytest.raises(UsageError, match=r"needs the keyring .* Lab\(keyring=DIR\)"):
        lab.drill(careless, pinned="leaf-spki")
    with Lab(keyring=tmp_path / "keys") as lab:
        [line] = lab.drill(careless, scenarios="IN5", tls="1.3", pinned="leaf-spki").lines
    assert line.verdict == "fail-open"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scenarios": "XX9"}, "no scenario is called 'XX9'"),
        ({"strategies": "leaf"}, "no strategy is called 'leaf'"),
        ({"tls": "1.1"}, "tls is '1.2', '1.3'"),
        ({"pinned": "leaf"}, "pinned is none or a strategy"),
        ({"pinned": "none", "strategies": "leaf-spki"}, "either strategies"),
    ],
)
def test_what_does_not_exist_is_refused(wrong: dict[str, str], words: str) -> None:
    with Lab() as lab, pytest.raises(UsageError, match=words):
        lab.drill(careless, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("client", ["curl {url}", [], ["no-such-program", "{url}"]])
def test_what_is_no_client_is_refused(client: str | list[str]) -> None:
    with Lab() as lab, pytest.raises(UsageError):
        lab.drill(client)


def test_a_live_server_is_there_until_it_is_closed() -> None:
    before = socket.getaddrinfo
    with Lab() as lab:
        with lab.server() as first:
            target = first.target()
            assert first.canary in careless(target)
            assert lab.run(CURL, target).strip() == first.canary
        with pytest.raises(UsageError, match="this target is over"):
            lab.run(CURL, target)
        second = lab.server()
        second.serve(ROGUE)
        with pytest.raises(Refused):
            lab.run(CURL, second.target())
        assert [seen.data_bytes for seen in second.observations()] == [0]
    assert socket.getaddrinfo is before


def test_the_face_is_loaded_when_it_is_asked_for() -> None:
    program = "import pindrill, sys; assert 'pindrill._core' not in sys.modules; pindrill.Lab; print('loaded')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"

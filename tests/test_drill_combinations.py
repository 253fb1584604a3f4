"""Options that meet: none is dropped without a word, and a bug of ours is no verdict on the client."""

from __future__ import annotations

import pytest
from pindrill.cli import pins
from support.cli import CURL, UNPINNED_CURL, Pindrill

TLS13 = ("--tls", "1.3")


def client_file(pindrill: Pindrill, name: str, known: str = "") -> str:
    path = pindrill.directory / f"{name}.toml"
    seen = pindrill.directory / "seen"
    path.write_text(
        'name = "bare"\ndriver = "command"\n'
        f'command = ["sh", "-c", "echo $FOO >> {seen}; exec curl -sSk $1", "sh", "{{url}}"]\n' + known
    )
    return str(path)


def test_an_environment_for_a_client_file_is_given_or_refused(pindrill: Pindrill) -> None:
    ran = pindrill.run("drill", "--only", "BL1", "--client", client_file(pindrill, "one"), "--env", "FOO=bar")
    seen = pindrill.directory / "seen"
    assert ran.code == 2 or "bar" in seen.read_text()


def test_the_command_to_repeat_gives_the_same_answer(pindrill: Pindrill) -> None:
    (pindrill.directory / "answer").write_text("Status: 404\n\n{canary}")
    options = ("--client", client_file(pindrill, "one"), "--respond", "answer", "--json", str(pindrill.json))
    ran = pindrill.run("drill", "--only", "BL1", *options)
    assert "--respond answer" in ran.results[0]["repeat"]


def test_two_clients_of_one_name_are_two_or_refused(pindrill: Pindrill) -> None:
    options = [part for name in ("one", "two") for part in ("--client", client_file(pindrill, name))]
    ran = pindrill.run("drill", "--only", "BL1", *TLS13, *options)
    assert ran.code == 2 or "2 cells" in ran.out


def test_two_clients_at_a_time(pindrill: Pindrill) -> None:
    options = ("--client", client_file(pindrill, "one"), "--json", str(pindrill.json))
    ran = pindrill.run("drill", "--only", "BL6", *TLS13, *options, "--", *CURL)
    assert {line["client"]: line["verdict"] for line in ran.results} == {"bare": "fail-open", "curl": "pass"}
    assert ran.code == 1


def test_a_strategy_for_a_client_without_pins_is_used_or_refused(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, *TLS13, "--strategy", "root-spki", only=("BL1",))
    assert ran.code == 2 or ran.results[0]["strategy"] == "root-spki"


def test_a_bug_of_ours_is_no_verdict_on_the_client(pindrill: Pindrill, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr(pins, "read_pem", broken)
    assert pindrill.call("pins", "of", "file").code == 3

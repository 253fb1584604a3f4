"""Options of `pindrill drill` that change what is run, and those that make no sense."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGY, PinsOf
from support.cli import CURL, UNPINNED_CURL, Pindrill

OK = ("true", "{url}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no client: give `-- COMMAND`"),
        (("--only", "ZZ9", "--", *OK), "no scenario is called 'ZZ9'"),
        (("--strategy", "leaf", "--", *OK), "no strategy is called 'leaf'"),
        (("--tls", "1.1", "--", *OK), "--tls is 1.2 or 1.3, not '1.1'"),
        (("--set", "some", "--", *OK), "--set is all or core, not 'some'"),
        (("--env", "NOVALUE", "--", *OK), "--env takes NAME=VALUE, not 'NOVALUE'"),
        (("--env", "=x", "--", *OK), "--env takes NAME=VALUE, not '=x'"),
        (("--exit-code", "believe", "--", *OK), "--exit-code is judge or ignore"),
        (("--deadline", "0", "--", *OK), "--deadline is a number above 0"),
        (("--repeat", "0", "--", *OK), "--repeat at least 1"),
        (("--jobs", "-1", "--", *OK), "--jobs at least 0"),
        (("--resume", "--", *OK), "--resume needs the file to go on with"),
        (("--semantics", "position=top", "--", *OK), "--semantics: 'position=top' is none of"),
        (("--pinned", "none", "--", "true", "{pins}"), "the client command has a pin placeholder"),
        (("--pinned", "leaf", "--", *OK), "--pinned is none or a strategy"),
        (("--pinned", "leaf-spki", "--", *OK), "--pinned needs the keyring"),
        (("--keyring", "missing", "--", *OK), "missing: no keyring here"),
        (("--respond", "missing", "--", *OK), "missing: cannot read the answer"),
        (("--client", "missing.toml"), "missing.toml: cannot read the client file"),
        (("--", "./missing"), "client not found: ./missing (no such file)"),
        (("--", "no-such-program"), "'no-such-program' is not on PATH"),
        (("--", "true", "{pinz}"), "unknown placeholder {pinz} in the client command: is {pins} meant?"),
        (("--no-such-option",), "No such option"),
        (
            ("--deadline", "nan", "--only", "BL1", "--", *OK),
            "--deadline is a number above 0",
        ),
    ],
)
def test_usage_errors(pindrill: Pindrill, arguments: tuple[str, ...], words: str) -> None:
    run = pindrill.run if "nan" in arguments else pindrill.call
    ran = run("drill", *arguments)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no head\n\nbody", ":1: 'no head' is no `Status:` or `Content-Type:` line"),
        ("Status: 200\nX-Other: 1\n\nbody", ":2: 'X-Other: 1' is no"),
        ("Status: fine\n\nbody", "the status 'fine' is no number from 200 to 599"),
        ("Status: 100\n\nbody", "the status '100' is no number from 200 to 599"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(pindrill: Pindrill, text: str, words: str) -> None:
    (pindrill.directory / "answer").write_text(text)
    ran = pindrill.call("drill", "--respond", "answer", "--", *OK)
    assert ran.code == 2
    assert f"answer{words}" in ran.err or f"answer: {words}" in ran.err


def test_an_app_that_needs_a_certain_answer(pindrill: Pindrill) -> None:
    client = pindrill.script(
        "app", '#!/bin/sh\nset -e\ncurl -sS --cacert "$1" -w "%{content_type}" "$2" | grep "^<a>.*</a>text/xml$"\n'
    )
    (pindrill.directory / "answer").write_text("Content-Type: text/xml\n\n<a>{canary}</a>")
    common = ("--tls", "1.3", "--pinned", "none")
    ran = pindrill.drill((client, "{ca_file}", "{url}"), *common, "--respond", "answer", only=("BL1",))
    assert (ran.code, ran.verdicts()) == (0, {"BL1": {"pass"}})
    assert "--respond answer" in ran.results[0]["repeat"]
    ran = pindrill.drill((client, "{ca_file}", "{url}"), *common, only=("BL1",))
    assert (ran.code, ran.verdicts()) == (3, {"BL1": {"inconclusive"}})
    assert "--respond FILE" in ran.results[0]["reason"]


def test_an_answer_without_a_canary_leaves_the_clients_word(pindrill: Pindrill) -> None:
    (pindrill.directory / "answer").write_text("Status: 404\nContent-Type: text/plain\n\nnothing here\n")
    ran = pindrill.drill(CURL, "--tls", "1.3", "--respond", "answer", only=("BL1", "BL6"))
    assert (ran.code, ran.codes("pass")) == (0, {"BL1", "BL6"})


def test_an_exit_code_that_says_nothing(pindrill: Pindrill) -> None:
    client = pindrill.script("app", '#!/bin/sh\ncurl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\nexit 1\n')
    command = (client, "{ca_file}", "{pins_curl}", "{url}")
    ran = pindrill.drill(command, "--tls", "1.3", "--exit-code", "ignore", only=("BL1", "BL6"))
    assert (ran.code, ran.codes("pass")) == (0, {"BL1", "BL6"})
    assert "--exit-code ignore" in ran.results[0]["repeat"]


def test_without_pins_trust_alone_decides(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, "--pinned", "none", "--tls", "1.3", only=("BL1", "BL6", "IN2", "VT1", "PL16"))
    assert ran.code == 0
    assert ran.verdicts() == {
        "BL1": {"pass"},
        "BL6": {"pass"},
        "IN2": {"pass"},
        "VT1": {"pass"},
        "PL16": {"unsupported"},
    }
    assert {line["code"]: line["expected"] for line in ran.results}["BL6"] == "accept"


def test_pins_that_are_compiled_in(pindrill: Pindrill) -> None:
    strategy = STRATEGY["leaf-spki+backup"]
    keyring = Keyring.create(pindrill.directory / "kept")
    one, two = Mint(keyring).pins(strategy, PinsOf())
    client = pindrill.script(
        "app", f'#!/bin/sh\nexec curl -sS --cacert "$1" --pinnedpubkey \'sha256//{one};sha256//{two}\' "$2"\n'
    )
    ran = pindrill.drill(
        (client, "{ca_file}", "{url}"),
        *("--keyring", "kept", "--pinned", strategy.name, "--tls", "1.3"),
        only=("BL1", "BL6", "RO2", "RO6", "RO7", "RO9", "RO26", "PL16", "VT1"),
    )
    assert ran.code == 0, ran.out
    assert ran.codes("pass") == {"BL1", "BL6", "RO2", "RO6", "RO7", "VT1"}
    assert ran.codes("unsupported") == {"RO9", "RO26", "PL16"}
    assert {line["attribution"] for line in ran.results if line["code"] == "BL6"} == {"unknown"}


def test_the_environment_of_the_client(pindrill: Pindrill) -> None:
    client = pindrill.script("app", '#!/bin/sh\ntest "$WHERE" = "$1" && exec curl -sS --cacert "$CA" "$2"\n')
    ran = pindrill.drill(
        (client, "{host} $'\"", "{url}"),
        *("--env", "WHERE={host} $'\"", "--env", "CA={ca_file}", "--pinned", "none", "--tls", "1.3"),
        only=("BL1",),
    )
    assert (ran.code, ran.verdicts()) == (0, {"BL1": {"pass"}})
    assert shell(pindrill, ran.results[0]["repeat"]).returncode == 0


def shell(pindrill: Pindrill, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=pindrill.directory,
        env=pindrill.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_to_repeat_runs_the_same_cell_again(pindrill: Pindrill) -> None:
    client = ("sh", "-c", 'exec curl -sS --cacert "$1" "$2"', "it's me", "{ca_file}", "{url}")
    ran = pindrill.drill(client, "--deadline", "77", only=("BL6", "BL1", "IN4"))
    for line in [line for line in ran.results if line["code"] in ("BL1", "IN4")]:
        again = shell(pindrill, line["repeat"])
        assert again.returncode == (0 if line["verdict"] == "pass" else 1)
        assert f"1 cells: 1 {line['verdict']}" in again.stdout
        if line["verdict"] != "pass":
            assert f"{line['code']} {line['scenario']}, TLS {line['tls']}\n" in again.stdout
            assert any(each.endswith(f"Repeat {line['repeat']}") for each in again.stdout.splitlines())


def test_every_round_is_a_cell(pindrill: Pindrill) -> None:
    count = pindrill.directory / "count"
    client = pindrill.script("app", f'#!/bin/sh\necho x >> {count}\nexec curl -sSk --pinnedpubkey "$1" "$2"\n')
    ran = pindrill.drill((client, "{pins_curl}", "{url}"), "--repeat", "3", "--tls", "1.3", only=("BL6", "BL1"))
    assert sorted((line["code"], line["round"]) for line in ran.results) == [
        (code, number) for code in ("BL1", "BL6") for number in range(3)
    ]
    assert ran.code == 0
    assert len(count.read_text().split()) >= 6


def test_the_key_log_is_for_wireshark(pindrill: Pindrill) -> None:
    pindrill.drill(CURL, "--tls", "1.3", "--key-log", "keys.log", only=("BL1",))
    assert "SERVER_TRAFFIC_SECRET_0" in Path(pindrill.directory / "keys.log").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only", "BL1", "--tls", "1.2", "--", *OK), "BL1 is for TLS 1.3"),
        (("--only", "RO7", "--strategy", "leaf-spki", "--", *CURL), "RO7 needs a strategy with a backup pin"),
        (("--only", "RO7", "--pinned", "leaf-spki", "--keyring", "k", "--", *OK), "RO7 needs a strategy with a backup"),
    ],
)
def test_what_leaves_no_cell_is_said_before_anything_runs(
    pindrill: Pindrill, options: tuple[str, ...], words: str
) -> None:
    ran = pindrill.call("drill", *options)
    assert ran.code == 2
    assert f"nothing is to be run: {words}" in ran.err

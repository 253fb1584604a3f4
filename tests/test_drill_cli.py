"""Whole drills of real commands: what the verdicts and exit codes must be, and that nothing passes for free."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.cli import CURL, PROGRAM, UNPINNED_CURL, Pindrill

INTERCEPTED = ("BL6", "IN4", "IN5", "IN6", "IN7", "HN11", "HN12")


def test_curl_with_pins_does_what_a_correct_client_does(pindrill: Pindrill) -> None:
    wanted = (*INTERCEPTED, "BL1", "BL2", "BL8", "IN1", "IN8", "IN12", "IN17", "CH3", "RO2", "RO6", "RO7", "VT1")
    ran = pindrill.drill(CURL, only=(*wanted, "PL16"))
    assert (ran.code, set(ran.verdicts())) == (0, {*wanted, "PL16"}), ran.out
    assert ran.codes("pass") == {*wanted, "PL16"}
    assert {line["strategy"] for line in ran.results} == {"leaf-spki+backup"}
    attributions = {line["code"]: line["attribution"] for line in ran.results}
    assert {attributions[code] for code in (*INTERCEPTED, "BL8", "IN12", "PL16")} == {"pin"}
    assert {attributions[code] for code in ("IN1", "VT1")} == {"other"}


def test_curl_without_pins_fails_open_wherever_the_pin_alone_says_no(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, only=(*INTERCEPTED, "BL1", "IN1", "IN2", "RO2", "BL8"))
    assert ran.code == 1
    assert ran.codes("fail-open") == set(INTERCEPTED)
    assert ran.codes("pass") == {"BL1", "IN1", "IN2"}
    assert ran.codes("unsupported") == {"RO2", "BL8"}
    for line in ran.results:
        if line["verdict"] == "fail-open":
            assert f"fail-open  curl: {line['code']} {line['scenario']}" in ran.out
            assert "the request secret among it" in line["reason"]
            [observation] = line["stages"][0]["runs"][0]["observations"]
            assert observation["request_line"] == "GET /<secret> HTTP/1.1"


def test_curl_without_any_check_accepts_anything(pindrill: Pindrill) -> None:
    ran = pindrill.drill(("curl", "-sSk", "{url}"), only=("BL2", "BL6", "IN1", "IN2"))
    assert ran.code == 1
    assert ran.codes("fail-open") == {"BL6", "IN1", "IN2"}
    assert ran.codes("pass") == {"BL2"}


def test_the_body_is_leaked_if_the_client_fails_afterwards(pindrill: Pindrill) -> None:
    client = pindrill.script("late", '#!/bin/sh\ncurl -sSk "$1" >/dev/null\nexit 60\n')
    ran = pindrill.drill((client, "{url}"), only=("BL1", "BL6"))
    assert ran.verdicts() == {"BL1": {"inconclusive"}, "BL6": {"leaked"}}
    assert ran.code == 1


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (("false",), "did not connect; it reported a refusal (exit 1)"),
        (("true",), "did not connect; it reported success"),
        (("sleep", "60"), "did not end in time"),
        (("sh", "-c", "kill -SEGV $$"), "died (by SIGSEGV)"),
        (("sh", "-c", "no-such-program"), "could not be run (exit 127"),
    ],
    ids=["false", "true", "sleep", "crash", "missing program"],
)
def test_a_client_that_does_nothing_passes_nothing(pindrill: Pindrill, client: tuple[str, ...], reason: str) -> None:
    ran = pindrill.drill(client, "--deadline", "1", "--tls", "1.3", only=("BL1", "BL6", "IN1", "PL1", "HN1"))
    assert ran.code == 3
    assert {line["verdict"] for line in ran.results} <= {"inconclusive", "unsupported"}
    assert {"BL1", "BL6", "IN1", "HN1"} <= ran.codes("inconclusive")
    for line in ran.results:
        if line["code"] in ("BL1", "BL6"):
            assert reason in line["reason"]
    assert reason in " ".join(ran.out.split())


@pytest.mark.parametrize("strategy", ["leaf-spki", "root-spki+backup"])
@pytest.mark.parametrize("client", ["false", "true"])
def test_a_client_that_does_nothing_passes_nothing_though_it_is_told_pins(
    pindrill: Pindrill, client: str, strategy: str
) -> None:
    ran = pindrill.drill((client, "{pins_curl}"), "--tls", "1.3", "--strategy", strategy, only=("BL*", "PL*", "IN17"))
    assert ran.code == 3
    assert {line["verdict"] for line in ran.results} == {"inconclusive"}


@pytest.mark.parametrize("options", [("--strategy", "root-spki"), ("--strategy", "intermediate-spki")])
def test_what_the_client_cannot_express_is_not_judged_as_if_it_could(
    pindrill: Pindrill, options: tuple[str, ...]
) -> None:
    """curl compares the leaf only, so it refuses its genuine server under such a pin: that is no interception."""
    ran = pindrill.drill(CURL, *options, "--tls", "1.3", only=("BL1", "BL6"))
    assert ran.verdicts() == {"BL1": {"outage"}, "BL6": {"inconclusive"}}
    assert "genuine twin" in next(line["reason"] for line in ran.results if line["code"] == "BL6")


def test_all_strategies_are_probed_and_only_those_expressed_are_run(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--strategy", "all", "--tls", "1.3", only=("BL6",))
    assert ran.code == 0
    found = {line["strategy"]: line["verdict"] for line in ran.results}
    assert len(found) == 8
    assert {name for name, verdict in found.items() if verdict == "pass"} == {"leaf-spki", "leaf-spki+backup"}
    assert set(found.values()) == {"pass", "unsupported"}


def test_declared_semantics_turn_a_departure_into_a_report(pindrill: Pindrill) -> None:
    client = ("curl", "-sSk", "--pinnedpubkey", "{pins_curl}", "{url}")
    plain = pindrill.drill(client, "--tls", "1.3", only=("HN1",))
    assert (plain.code, plain.verdicts()) == (1, {"HN1": {"fail-open"}})
    declared = pindrill.drill(
        client, "--tls", "1.3", "--semantics", "position=leaf,mode=replace,host=off", only=("HN1", "BL6")
    )
    assert (declared.code, declared.verdicts()) == (0, {"HN1": {"reported"}, "BL6": {"pass"}})


def test_an_expired_pin_set_is_for_clients_that_can_be_told_of_it(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--tls", "1.3", only=("VT7", "VT8", "BL6"))
    assert (ran.code, ran.verdicts()) == (0, {"VT7": {"unsupported"}, "VT8": {"unsupported"}, "BL6": {"pass"}})
    client = pindrill.script(
        "app",
        f"#!{sys.executable}\nimport datetime, json, os, sys\ntold = json.load(open(sys.argv[1]))\n"
        'end = told["pins"][0]["expires"]\n'
        "over = end is not None and datetime.datetime.fromisoformat(end) < datetime.datetime.now(datetime.UTC)\n"
        'assert told["requires"] == (["expires"] if end else [])\n'
        'pins = [] if over else ["--pinnedpubkey", ";".join("sha256//" + v for v in told["pins"][0]["values"])]\n'
        'os.execvp("curl", ["curl", "-sS", "--cacert", told["trust_file"], *pins, told["url"]])\n',
    )
    ran = pindrill.drill((client, "{target_file}"), "--tls", "1.3", only=("VT7", "VT8", "BL6"))
    assert (ran.code, ran.verdicts()) == (0, {"VT7": {"reported"}, "VT8": {"pass"}, "BL6": {"pass"}})
    [line] = [line for line in ran.results if line["code"] == "VT7"]
    assert "took the answer" in line["reason"] or "the request secret among it" in line["reason"]
    assert line["stages"][0]["because"].startswith("fail open by design: the pin set has expired")


def test_a_deviation_that_is_listed_is_known_and_one_that_is_over_is_stale(pindrill: Pindrill) -> None:
    known = '[[known]]\nscenarios = ["BL6"]\nverdict = "fail-open"\nreason = "it never pinned"\n'
    text = 'name = "bare"\ndriver = "command"\ncommand = ["curl", "-sS", "--cacert", "{ca_file}", "{url}"]\n'
    (pindrill.directory / "client.toml").write_text(text + known)
    common = ("--tls", "1.3", "--json", str(pindrill.json), "--client", "client.toml")
    ran = pindrill.run("drill", "--only", "BL6", "--only", "BL1", *common)
    assert ran.code == 0
    [line] = [line for line in ran.results if line["code"] == "BL6"]
    assert (line["verdict"], line["known"]["reason"], line["client"]) == ("fail-open", "it never pinned", "bare")
    (pindrill.directory / "client.toml").write_text(text + known.replace("BL6", "BL1"))
    ran = pindrill.run("drill", "--only", "BL1", *common)
    assert ran.code == 1
    assert "Stale: bare: BL1 is listed as a known fail-open, but did not happen" in ran.out


def test_a_deviation_that_happens_in_some_cells_only_is_stale(pindrill: Pindrill) -> None:
    known = '[[known]]\nscenarios = ["BL6", "IN1"]\nverdict = "fail-open"\nreason = "it never pinned"\n'
    text = 'name = "bare"\ndriver = "command"\ncommand = ["curl", "-sS", "--cacert", "{ca_file}", "{url}"]\n'
    (pindrill.directory / "client.toml").write_text(text + known)
    ran = pindrill.run("drill", "--only", "BL6", "--only", "IN1", "--tls", "1.3", "--client", "client.toml")
    assert ran.code == 1
    assert "is listed as a known fail-open, but did not happen in IN1 TLS 1.3 -" in ran.out


def test_a_client_that_can_do_nothing_is_not_hidden_behind_another(pindrill: Pindrill) -> None:
    text = 'name = "unable"\ndriver = "command"\ncommand = ["sh", "-c", "exit 89", "sh", "{pins}", "{url}"]\n'
    (pindrill.directory / "client.toml").write_text(text)
    ran = pindrill.drill(CURL, "--tls", "1.3", "--client", "client.toml", only=("BL1", "BL6"))
    assert (ran.code, ran.codes("pass"), ran.codes("unsupported")) == (3, {"BL1", "BL6"}, {"BL1", "BL6"})
    assert "unable" in ran.out.splitlines()[0]


def test_pins_that_are_compiled_in_are_shown(pindrill: Pindrill) -> None:
    assert pindrill.run("keyring", "create", "kept").code == 0
    ran = pindrill.drill(
        UNPINNED_CURL, "--tls", "1.3", "--keyring", "kept", "--pinned", "leaf-spki+backup", only=("BL1", "BL6")
    )
    assert ran.verdicts() == {"BL1": {"pass"}, "BL6": {"fail-open"}}
    of_keyring = {line.split()[-1] for line in pindrill.run("pins", "of", "--keyring", "kept").out.splitlines()}
    for line in ran.results:
        assert len(line["pins"]) == 2
        assert line["pins"] == line["stages"][0]["pins"]
        assert {f"sha256/{pin}" for pin in line["pins"]} <= of_keyring
        assert any(each["pinned"] for each in line["stages"][0]["served"]) == (line["code"] == "BL1")
    assert f"Pinned sha256/{ran.results[0]['pins'][0]}" in ran.out


def test_a_port_that_somebody_else_listens_on_is_said_before_anything_runs(pindrill: Pindrill) -> None:
    """In a network of its own, where port 80 of every address is taken."""
    taken = "taken = socket.create_server(('0.0.0.0', 80))"
    listen = f"import socket, subprocess, sys; {taken}; sys.exit(subprocess.call(sys.argv[1:]))"
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-c", listen, str(PROGRAM)]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", *inside, *pindrill.drill_arguments(CURL, "--tls", "1.3")],
        capture_output=True,
        text=True,
        cwd=pindrill.directory,
        env=pindrill.environment,
        check=False,
    )
    if done.stderr.startswith("unshare:"):
        pytest.skip(f"no network namespace: {done.stderr}")
    assert done.returncode == 2, done.stderr
    assert "port 80: cannot listen on 127." in done.stderr
    assert "give pindrill a network of its own: unshare" in done.stderr

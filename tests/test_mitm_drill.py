"""`pindrill drill --via mitmproxy`: the same judge, the same verdicts."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from support.cli import CURL, UNPINNED_CURL, Pindrill, Result, processes_that_name
from support.mitm import mitmdump_or_skip

CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"
COMPARED = ("curl", "requests", "go", "node")
"""Refusals of every shape: after the handshake, with an alert, and with neither alert nor Finished."""
SCENARIOS = ("BL1", "BL6", "IN2", "CH1", "RO2", "VT1", "HN1")
ESTABLISHED = "tls_established_client, but the client completed the handshake and closed without data"


@pytest.fixture
def via() -> tuple[str, ...]:
    return ("--via", "mitmproxy", "--mitmdump", str(mitmdump_or_skip().path))


def verdicts(lines: list[Result]) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {(line["scenario"], line["strategy"], line["tls"]): (line["verdict"], line["attribution"]) for line in lines}


def run(pindrill: Pindrill, client: list[str], *options: str) -> list[Result]:
    pindrill.json.unlink(missing_ok=True)
    only = [part for code in SCENARIOS for part in ("--only", code)]
    ran = pindrill.run("drill", *only, "--json", str(pindrill.json), *options, *client)
    assert ran.results, ran.err
    return ran.results


@pytest.mark.parametrize("client", COMPARED)
def test_real_clients_get_the_verdicts_of_our_own_servers(
    client: str, pindrill: Pindrill, via: tuple[str, ...]
) -> None:
    chosen = ["--client", str(CLIENTS / client)]
    own, other = (run(pindrill, chosen, *options) for options in ((), via))
    assert verdicts(other) == verdicts(own)
    assert {line["verdict"] for line in other} <= {"pass", "unsupported", "reported"}


def test_what_is_wrong_is_found_through_mitmproxy_as_well(pindrill: Pindrill, via: tuple[str, ...]) -> None:
    careless = ["--", "curl", "-sS", "--insecure", "{url}"]
    own, other = (run(pindrill, careless, "--pinned", "none", *options) for options in ((), via))
    assert verdicts(other) == verdicts(own)
    assert "fail-open" in {line["verdict"] for line in other}


@pytest.mark.parametrize("bug", ["partial-head", "pin-after-response", "fallback-plaintext"])
def test_a_mutant_gets_the_verdicts_of_our_own_servers(bug: str, pindrill: Pindrill, via: tuple[str, ...]) -> None:
    """One leaks a head without its end, of which mitmproxy's hooks never hear."""
    mutant = ["--adapter", "--", sys.executable, str(CLIENTS / "mutants" / "client.py"), bug]
    own, other = (run(pindrill, mutant, *options) for options in ((), via))
    assert verdicts(other) == verdicts(own)
    assert {line["verdict"] for line in other} & {"leaked", "downgrade"}


def test_each_connection_tells_where_mitmproxys_own_event_would_mislead(
    pindrill: Pindrill, via: tuple[str, ...]
) -> None:
    ran = pindrill.drill(CURL, *via, only=("BL6", "IN2"))
    assert ran.code == 0, ran.err
    assert f"x {ESTABLISHED}" in ran.out
    for line in ran.results:
        assert line["via"].startswith("mitmproxy ")
        [stage] = line["stages"]
        told = [seen["mitmproxy_would_mislead"] for each in stage["runs"] for seen in each["observations"]]
        wrong_pin = line["code"] == "BL6"
        assert told == ([ESTABLISHED] if wrong_pin else [None]), line["code"]


def test_the_command_that_repeats_a_cell_goes_through_mitmproxy(pindrill: Pindrill, via: tuple[str, ...]) -> None:
    [line, *_] = pindrill.drill(CURL, *via).results
    assert "--via mitmproxy --mitmdump" in line["repeat"]


def test_a_mitmdump_that_dies_is_an_error_of_the_run(pindrill: Pindrill, via: tuple[str, ...]) -> None:
    client = pindrill.script("client", f"#!/bin/sh\ntouch {pindrill.directory}/begun\nexec sleep 60\n")
    started = pindrill.start(*pindrill.drill_arguments([client], *via))
    while not (pindrill.directory / "begun").exists():
        assert started.poll() is None
    [mitmdump] = [
        pid
        for pid in processes_that_name(str(pindrill.directory))
        if b"mitmdump" in Path(f"/proc/{pid}/cmdline").read_bytes()
        and b"addon.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
        and b"--via" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(mitmdump, signal.SIGKILL)
    _, err = started.communicate(timeout=200)
    assert started.returncode == 3
    assert "mitmdump died (signal 9)" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--via", "burp"), "--via is mitmproxy"),
        (("--mitmdump", "/usr/bin/mitmdump"), "--mitmdump needs --via mitmproxy"),
        (("--via", "mitmproxy", "--mitmdump", "/nowhere/mitmdump"), "cannot be run as mitmdump"),
        (("--via", "mitmproxy", "--mitmdump", "/bin/true"), "no mitmdump that works"),
    ],
)
def test_what_cannot_be_used_is_said(options: tuple[str, ...], words: str, pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, *options)
    assert ran.code == 2
    assert words in ran.err


def test_the_published_schema_still_holds(pindrill: Pindrill, via: tuple[str, ...]) -> None:
    ran = pindrill.drill(CURL, *via)
    reported = pindrill.call("report", str(pindrill.json))
    assert reported.code == 0, reported.err
    assert json.loads(pindrill.json.read_text().splitlines()[0])["via"] == ran.results[0]["via"]

"""A client's alert or close_notify ends its TLS connection, whatever TCP does: by the whole program."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest
from support.cli import Pindrill, Ran
from support.mitm import mitmdump_or_skip

SUPPORT = Path(__file__).parent / "support"
LEAVER = (sys.executable, str(SUPPORT / "leaver.py"))
OPTIONS = ("--strategy", "leaf-spki")
DEADLINE = ("--deadline", "4")
ALERT = "refused with alert 48"
NOTIFY = "completed the handshake and closed without data (close_notify)"
SILENT = "closed without alert or Finished but close_notify"
CASES = [
    ("alert", "IN1", "pass", ALERT),
    ("alert", "BL6", "pass", NOTIFY),
    ("before-finished", "IN1", "pass", SILENT),
    ("alert+plain", "IN1", "downgrade", "in plain text on the socket of its TLS connection"),
    ("alert+plain", "BL6", "downgrade", "in plain text on the socket of its TLS connection"),
    ("alert+records", "IN1", "inconclusive", "sent more after its alert, which could not be read"),
    ("nothing", "BL6", "inconclusive", "still open at the deadline"),
]


def judged(ran: Ran, code: str, verdict: str, reason: str) -> None:
    assert ran.results, ran.err
    final = {line["tls"]: line for line in ran.results}
    for line in final.values():
        assert (line["code"], line["verdict"]) == (code, verdict), line["reason"]
        assert reason in line["reason"]
    if verdict in ("pass", "inconclusive"):
        seen = [each for line in final.values() for each in line["stages"][0]["runs"][0]["observations"]]
        assert any(each["ended"] == "open" or each["ended_at"] for each in seen)


@pytest.mark.parametrize(("how", "code", "verdict", "reason"), CASES)
def test_an_adapter_that_keeps_its_sockets(pindrill: Pindrill, how: str, code: str, verdict: str, reason: str) -> None:
    judged(pindrill.drill((*LEAVER, how), *OPTIONS, *DEADLINE, "--adapter", only=(code,)), code, verdict, reason)


@pytest.mark.parametrize(("how", "code", "verdict", "reason"), CASES)
def test_a_command_that_never_ends(pindrill: Pindrill, how: str, code: str, verdict: str, reason: str) -> None:
    judged(pindrill.drill((*LEAVER, how, "{target_file}"), *OPTIONS, *DEADLINE, only=(code,)), code, verdict, reason)


@pytest.mark.parametrize(("how", "code", "verdict", "reason"), CASES)
def test_the_same_through_mitmproxy(pindrill: Pindrill, how: str, code: str, verdict: str, reason: str) -> None:
    via = ("--via", "mitmproxy", "--mitmdump", str(mitmdump_or_skip().path))
    ran = pindrill.drill((*LEAVER, how), *OPTIONS, *DEADLINE, *via, "--adapter", only=(code,))
    judged(ran, code, verdict, reason)


def test_a_drill_does_not_wait_for_sockets_that_are_left_open_behind_tls(pindrill: Pindrill) -> None:
    begun = time.monotonic()
    ran = pindrill.drill((*LEAVER, "alert"), *OPTIONS, "--adapter", "--deadline", "60", only=("IN1", "BL6"))
    assert {line["verdict"] for line in ran.results} == {"pass"}
    assert time.monotonic() - begun < 60


def test_ruby_leaves_its_socket_open(pindrill: Pindrill) -> None:
    ruby = shutil.which("ruby")
    if not ruby:
        pytest.skip("no ruby here")
    client = (ruby, str(SUPPORT / "leaver.rb"))
    judged(pindrill.drill(client, *OPTIONS, *DEADLINE, "--adapter", only=("IN1",)), "IN1", "pass", ALERT)
    pindrill.json.unlink()
    # Nothing was said at a wrong pin: what it would still do is not known.
    judged(pindrill.drill(client, *OPTIONS, *DEADLINE, "--adapter", only=("BL6",)), "BL6", "inconclusive", "still open")

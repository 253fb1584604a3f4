"""Clients at the edge of what a judge may say, by the whole program: leaks are found, what proves nothing is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.cli import CURL, Pindrill, Ran

CLIENT = Path(__file__).parent / "support" / "odd_client.py"
TLS13 = ("--tls", "1.3")


def drilled(pindrill: Pindrill, oddity: str, *options: str, only: tuple[str, ...]) -> Ran:
    client = (sys.executable, str(CLIENT), oddity, "{target_file}")
    return pindrill.drill(client, *(options or ("--strategy", "leaf-spki")), only=only)


def test_without_an_oddity_it_is_a_correct_client(pindrill: Pindrill) -> None:
    ran = drilled(pindrill, "behave", only=("BL1", "BL6", "IN17", "RO1", "RO6"))
    assert (ran.code, {line["verdict"] for line in ran.results}) == (0, {"pass"})


@pytest.mark.parametrize(
    ("oddity", "verdict", "reason"),
    [
        ("plain-behind-tls", "downgrade", "in plain text on the socket of its TLS connection"),
        ("plain-instead-of-finished", "downgrade", "in plain text on the socket of its TLS connection"),
        ("goaway", "leaked", "the request secret among it"),
        ("half-a-preface", "leaked", "sent 2 readable bytes"),
        ("plain-bytes-beside", "inconclusive", "neither TLS nor a request"),
    ],
)
def test_what_it_gives_away_to_a_rogue_is_found(pindrill: Pindrill, oddity: str, verdict: str, reason: str) -> None:
    ran = drilled(pindrill, oddity, only=("BL1", "BL6"))
    assert ran.verdicts() == {"BL1": {"pass"}, "BL6": {verdict}}
    assert all(reason in line["reason"] for line in ran.results if line["code"] == "BL6")


@pytest.mark.parametrize(
    ("oddity", "reason"),
    [
        ("no-request", "reports success: it made no request"),
        ("only-h2", "speaks only h2 (ALPN)"),
        ("dislikes-the-answer", "--respond FILE"),
        ("dislikes-it-and-races", "--respond FILE"),
    ],
)
def test_what_is_no_refusal_of_the_certificate_is_no_outage(pindrill: Pindrill, oddity: str, reason: str) -> None:
    ran = drilled(pindrill, oddity, *TLS13, only=("BL1", "RO6"))
    assert (ran.code, ran.verdicts()) == (3, {"BL1": {"inconclusive"}, "RO6": {"inconclusive"}})
    assert all(reason in line["reason"] for line in ran.results)


def test_a_client_that_a_backup_pin_locks_out_is_told(pindrill: Pindrill) -> None:
    ran = drilled(pindrill, "no-backup", *TLS13, only=("BL1", "BL6", "RO7"))
    found = {(line["code"], line["strategy"]): line["verdict"] for line in ran.results}
    assert found == {
        ("BL1", "leaf-spki"): "pass",
        ("BL6", "leaf-spki"): "pass",
        **{(code, "leaf-spki+backup"): "unsupported" for code in ("BL1", "BL6", "RO7")},
    }
    assert "cannot express the strategy leaf-spki+backup: it refuses the genuine server under it" in ran.out
    asked = drilled(pindrill, "no-backup", *TLS13, "--strategy", "leaf-spki+backup", only=("BL1",))
    assert (asked.code, asked.verdicts()) == (1, {"BL1": {"outage"}})


def test_a_client_that_wants_the_root_sent_is_out_where_it_is_not(pindrill: Pindrill) -> None:
    ran = drilled(pindrill, "wants-the-root", *TLS13, "--strategy", "all", only=("BL3", "BL4"))
    found = {line["code"]: line["verdict"] for line in ran.results if line["strategy"] == "root-spki"}
    assert found == {"BL3": "pass", "BL4": "outage"}


def test_who_refuses_whatever_comes_second_proves_nothing(pindrill: Pindrill) -> None:
    ran = drilled(pindrill, "fails-the-second-time", *TLS13, only=("IN17",))
    assert (ran.code, ran.verdicts()) == (3, {"IN17": {"inconclusive"}})
    assert "(genuine twin)" in ran.results[0]["reason"]


def test_pins_that_nobody_told_of_lock_nobody_out(pindrill: Pindrill) -> None:
    foreign = "sha256//" + "A" * 43 + "="
    client = ("curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", foreign, "{url}")
    ran = pindrill.drill(client, *TLS13, only=("BL1", "BL6"))
    assert (ran.code, {line["verdict"] for line in ran.results}) == (3, {"inconclusive"})
    assert "say what is pinned by --pinned and --keyring" in ran.results[0]["reason"]


def test_a_spelling_that_is_always_refused_is_no_outage(pindrill: Pindrill) -> None:
    trusts_nobody = 'exec curl -sS --cacert /dev/null "$2"'
    script = f'#!/bin/sh\ncase $2 in *.pin.test.:*) {trusts_nobody};; esac\nexec curl -sS --cacert "$1" "$2"\n'
    client = pindrill.script("app", script)
    ran = pindrill.drill((client, "{ca_file}", "{url}"), *TLS13, "--pinned", "none", only=("HN11", "BL1"))
    assert ran.verdicts() == {"BL1": {"pass"}, "HN11": {"inconclusive"}}
    [dotted] = [line for line in ran.results if line["code"] == "HN11"]
    assert "under this spelling of its name" in dotted["reason"]


def test_a_crash_of_gos_runtime_is_a_death(pindrill: Pindrill) -> None:
    """As `go build` programs do; its words are go 1.19's and later."""
    words = r"panic: runtime error: invalid memory address or nil pointer dereference\n\ngoroutine 1 [running]:\n"
    script = f'#!/bin/sh\n"$@" || {{ printf "{words}" >&2; exit 2; }}\n'
    ran = pindrill.drill((pindrill.script("app", script), *CURL), *TLS13, only=("BL1", "BL6"))
    assert (ran.code, ran.verdicts()) == (3, {"BL1": {"pass"}, "BL6": {"inconclusive"}})
    assert any("a dead client refuses nothing" in line["reason"] for line in ran.results)


def test_words_of_a_refusal_that_sound_like_gos_are_none(pindrill: Pindrill) -> None:
    script = '#!/bin/sh\n"$@" || { echo "fatal error: certificate pin mismatch" >&2; exit 2; }\n'
    ran = pindrill.drill((pindrill.script("app", script), *CURL), *TLS13, only=("BL1", "BL6"))
    assert (ran.code, ran.codes("pass")) == (0, {"BL1", "BL6"})


@pytest.mark.parametrize(("oddity", "verdict"), [("backup-leaks", "downgrade"), ("backup-kills", "inconclusive")])
def test_what_goes_wrong_with_a_backup_pin_is_no_lack_of_a_notation(
    pindrill: Pindrill, oddity: str, verdict: str
) -> None:
    ran = drilled(pindrill, oddity, *TLS13, only=("BL1",))
    assert [(line["strategy"], line["verdict"]) for line in ran.results] == [("leaf-spki+backup", verdict)]

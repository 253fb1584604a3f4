"""A client whose clock is wrong is not blamed for it, nor believed because of it."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.drills.cells import Planner
from pindrill.drills.clocks import believed, blamed, other_dates
from pindrill.judge import Control, Finding
from pindrill.keyring import Keyring
from pindrill.machine.private_files import write_private
from pindrill.mint import Mint
from pindrill.model import GENUINE, HOST, STRATEGY, VerdictWord
from pindrill.scenarios import CATALOGUE
from support.cli import CURL, Pindrill
from support.openssl import verify

CLIENT = Path(__file__).parent.parent / "fixtures" / "clients" / "mutants" / "client.py"
PYTHON = (sys.executable, str(CLIENT), "none", "--target", "{target_file}")
BY_CODE = {scenario.code: scenario for scenario in CATALOGUE}


@pytest.mark.parametrize("client", [CURL, PYTHON], ids=["curl", "python"])
@pytest.mark.parametrize("clock", ["-400d", "+400d", "1975-06-01 12:00:00"])
def test_a_clock_that_is_far_off_is_told_and_no_outage(pindrill: Pindrill, client: tuple[str, ...], clock: str) -> None:
    by = ("faketime", *(("-f",) if clock[0] in "+-" else ()), clock)
    ran = pindrill.drill((*by, *client), "--tls", "1.3", only=("BL1", "BL6", "RO6", "VT1", "VT2"))
    assert (ran.code, ran.codes("inconclusive")) == (3, {"BL1", "BL6", "RO6", "VT1", "VT2"}), ran.out
    for line in ran.results:
        assert "refuses the genuine server for its dates alone" in line["reason"]
        assert "the clocks of the client and of pindrill differ" in line["reason"]


@pytest.mark.parametrize(("clock", "wrong"), [("-3d", {"VT1", "VT3"}), ("+3d", {"VT2"}), ("+0d", set())])
def test_a_clock_that_is_days_off_makes_no_fail_open(pindrill: Pindrill, clock: str, wrong: set[str]) -> None:
    wanted = {"BL2", "BL6", "VT1", "VT2", "VT3"}
    ran = pindrill.drill(("faketime", "-f", clock, *CURL), "--tls", "1.2", only=sorted(wanted))
    assert (ran.codes("inconclusive"), ran.codes("pass")) == (wrong, wanted - wrong), ran.out
    for line in ran.results:
        if line["code"] in wrong:
            assert "it accepts these dates, but refuses the genuine server with" in line["reason"]


def test_who_checks_no_dates_fails_open_all_the_same(pindrill: Pindrill) -> None:
    client = (sys.executable, str(CLIENT), "no-date-check", "--target", "{target_file}")
    ran = pindrill.drill(("faketime", "-f", "+400d", *client), "--tls", "1.3", only=("BL1", "VT1", "VT2"))
    assert (ran.codes("pass"), ran.codes("fail-open")) == ({"BL1"}, {"VT1", "VT2"}), ran.out


def test_who_takes_no_leaf_of_decades_is_asked_with_shorter_ones(mint: Mint) -> None:
    """As Apple's platforms, on which 825 days are the most."""
    for wanted in other_dates()[1:]:
        assert wanted.leaf[1] - wanted.leaf[0] < timedelta(days=398)
        words = blamed(lambda dates, it=wanted: _answer(dates == it), mint.leaf(GENUINE))  # type: ignore[misc]
        assert f"and accepts {wanted}: the clocks" in words
    assert blamed(lambda dates: Control.ACCEPTED, mint.leaf(GENUINE)) == ""  # its own issuers were refused
    assert blamed(lambda dates: Control.REFUSED, mint.leaf(GENUINE)) == ""
    assert blamed(lambda dates: Control.INCONCLUSIVE, mint.leaf(GENUINE)) == ""


def _answer(accepted: bool) -> Control:
    return Control.ACCEPTED if accepted else Control.REFUSED


@pytest.mark.parametrize("verdict", [VerdictWord.FAIL_OPEN, VerdictWord.LEAKED, VerdictWord.DOWNGRADE])
@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("code", ["VT1", "BL6"])
def test_only_a_leak_that_dates_explain_is_doubted(code: str, control: Control, verdict: VerdictWord) -> None:
    leak = Finding(verdict=verdict, reason="")
    doubted = code == "VT1" and control is Control.REFUSED and verdict is not VerdictWord.DOWNGRADE
    found = believed(lambda dates: control, BY_CODE[code], leak)
    assert found.verdict is (VerdictWord.INCONCLUSIVE if doubted else verdict)


@pytest.mark.parametrize("code", ["BL1", "RO5", "RO6", "RO9", "RO19", "IN18", "IN4"])
def test_only_dates_differ_from_the_genuine_twin(tmp_path: Path, code: str) -> None:
    """Same keys and names; valid by any clock, under a keyring too whose roots began an hour ago."""
    keyring = Keyring.create(tmp_path / "keys")
    for root in ("root-current", "root-rogue"):
        spec = _core.CertificateSpec(keyring.authority_name(root), ca=True, not_before=timedelta(hours=-1))
        (tmp_path / "keys" / "certificates" / f"{root}.pem").write_text(_core.self_signed(keyring.key(root), spec).pem)
    mint = Mint(Keyring.open(tmp_path / "keys"))
    planner = Planner(mint)
    cell = planner.cell(BY_CODE[code], STRATEGY["leaf-spki+backup"], "1.3")
    assert cell.genuine_twin
    ordinary, wide = cell.genuine_twin.stages[-1], planner.genuine_with(other_dates()[0], cell)
    assert wide.stages[-1].pins == ordinary.pins
    shown = mint.credential(wide.stages[-1].serve).chain
    assert [each.common_name for each in shown] == [each.common_name for each in mint.credential(ordinary.serve).chain]
    for at in (10 * 365 * 86400, 65 * 365 * 86400):
        assert verify(tmp_path, shown, mint.trust(wide.trust), "-attime", str(at), "-verify_hostname", HOST) == ""


def test_a_kept_leaf_that_expires_before_others_is_told_too(pindrill: Pindrill, tmp_path: Path) -> None:
    """By a clock 200 days ahead it has expired, and what is minted afresh has not."""
    keyring = Keyring.create(tmp_path / "keys")
    issuer = keyring.root("root-current").intermediate(
        keyring.private("intermediate-current"),
        _core.CertificateSpec(keyring.authority_name("intermediate-current"), ca=True),
    )
    spec = _core.CertificateSpec(HOST, dns=[HOST], not_after=timedelta(days=67))
    old = issuer.issue(keyring.key("leaf-current"), spec)
    (tmp_path / "keys" / "certificates" / "leaf-current.pem").write_text(old.pem)
    kept = ("--keyring", str(tmp_path / "keys"), "--tls", "1.3")
    ran = pindrill.drill(("faketime", "-f", "+200d", *CURL), *kept, only=("BL1", "BL6", "RO6"))
    assert (ran.codes("inconclusive"), ran.codes("pass")) == ({"BL1", "BL6"}, {"RO6"}), ran.out
    assert all("the clocks" in line["reason"] for line in ran.results if line["code"] != "RO6")


def test_a_root_kept_elsewhere_is_no_end_of_the_drill(pindrill: Pindrill, tmp_path: Path) -> None:
    """What would be asked with other dates cannot be made: the outage stays one."""
    keys = tmp_path / "keys" / "keys"
    public = Keyring.create(tmp_path / "keys").key("root-backup").public_pem()
    write_private(keys / "root-backup.pub.pem", public)
    (keys / "root-backup.pem").unlink()
    client = (sys.executable, str(CLIENT), "accepts-nothing", "--target", "{target_file}")
    kept = ("--keyring", str(tmp_path / "keys"), "--tls", "1.3", "--strategy", "leaf-cert+backup")
    ran = pindrill.drill(client, *kept, only=("BL1",))
    assert (ran.code, ran.codes("outage")) == (1, {"BL1"}), ran.out

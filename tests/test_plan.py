"""Plans that were not worked by hand: stand-ins against real chains, roots, several files, what is not counted."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from pindrill.preflight.model import Status, moment
from pindrill.preflight.plan import Plan
from pindrill.preflight.plan_file import read_plan
from pindrill.preflight.reviewed import reviewed
from support.cli import Pindrill
from support.openssl import openssl
from support.openssl import spki_pin as openssl_pin
from support.planned import (
    HOST,
    cross_signed,
    csr,
    curl,
    day,
    intermediate,
    leaf,
    new_key,
    nsc,
    private_pem,
    put,
    root,
    spki_pin,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    old, new = root("Old root"), root("New root")
    issuer, other = intermediate("Issuer", old), intermediate("Other issuer", new)
    key, backup = new_key(), new_key()
    put(tmp_path / "current.pem", leaf(issuer, key, "2027-01-01"), issuer.pem)
    put(tmp_path / "renewed.pem", leaf(issuer, key, "2027-02-01"), issuer.pem)
    put(tmp_path / "rekeyed.pem", leaf(issuer, backup, "2027-02-01"), issuer.pem)
    put(tmp_path / "switched.pem", leaf(other, backup, "2027-02-01"), other.pem)
    put(tmp_path / "crossed.pem", leaf(other, backup, "2027-02-01"), other.pem, cross_signed(new, old))
    put(tmp_path / "issuers.pem", other.pem, new.pem)
    put(tmp_path / "roots.pem", old.pem, new.pem)
    put(tmp_path / "old-root.pem", old.pem)
    put(tmp_path / "new-root.pem", new.pem)
    put(tmp_path / "backup.csr", csr(backup))
    put(tmp_path / "leaf.xml", nsc(spki_pin(key)))
    put(tmp_path / "backup.xml", nsc(spki_pin(key), spki_pin(backup)))
    put(tmp_path / "authority.xml", nsc(issuer.pin))
    put(tmp_path / "old-root.xml", nsc(old.pin))
    put(tmp_path / "new-root.xml", nsc(new.pin))
    put(tmp_path / "roots.xml", nsc(old.pin, new.pin))
    put(tmp_path / "curl.sh", curl(spki_pin(key)))
    put(tmp_path / "expires.xml", nsc(spki_pin(key), expires="2027-02-10"))
    return tmp_path


def write_plan(place: Path, pins: str, step: str, head: str = 'trust = "roots.pem"') -> Path:
    text = (
        f'host = "{HOST}"\ncurrent = "current.pem"\npins = ["{pins}"]\n{head}\n\n[[step]]\ndate = 2027-02-01\n{step}\n'
    )
    return put(place / "plan.toml", text)


def until(text: str) -> str:
    return f'trust = "roots.pem"\nuntil = {text}'


PINS = ("leaf.xml", "backup.xml", "authority.xml", "old-root.xml", "new-root.xml", "roots.xml", "curl.sh")
# The same step, with the real chain and before there is one.
TWICE = {
    "renew": ('do = "renew"\nchain = "renewed.pem"', 'do = "renew"'),
    "rekey": ('do = "rekey"\nchain = "rekeyed.pem"', 'do = "rekey"\ncsr = "backup.csr"'),
    "switch-ca": (
        'do = "switch-ca"\nchain = "switched.pem"',
        'do = "switch-ca"\nissuers = "issuers.pem"\ncsr = "backup.csr"',
    ),
}


@pytest.mark.parametrize("pins", PINS)
@pytest.mark.parametrize("do", TWICE)
def test_a_stand_in_predicts_what_the_real_chain_gets(place: Path, pins: str, do: str) -> None:
    """The oracle itself is the judge: of the real chain, and of its stand-in."""
    real, later = (
        reviewed(write_plan(place, pins, f"{step}\ndays = 47" if "chain" not in step else step)) for step in TWICE[do]
    )
    assert not real.steps[0].step.issued_later
    assert later.steps[0].step.issued_later
    assert [phase.state.status for phase in real.steps[0].after] == [p.state.status for p in later.steps[0].after]
    assert [phase.until for phase in real.steps[0].after] == [p.until for p in later.steps[0].after]
    assert real.status == later.status


def test_a_step_after_a_stand_in_is_asked_with_the_key_it_left(place: Path) -> None:
    more = '\n[[step]]\ndate = 2027-03-01\ndo = "renew"\n'
    found = reviewed(write_plan(place, "backup.xml", 'do = "rekey"\ncsr = "backup.csr"' + more))
    assert [phase.state.status for step in found.steps for phase in step.after] == [Status.ACCEPTS, Status.ACCEPTS]
    alone = reviewed(write_plan(place, "leaf.xml", 'do = "rekey"\ncsr = "backup.csr"' + more))
    assert [phase.state.status for step in alone.steps for phase in step.after] == [Status.LOCKED_OUT] * 2


def test_a_root_that_is_removed_takes_its_chain_along(place: Path) -> None:
    step = 'do = "remove-root"\nroot = "old-root.pem"'
    found = reviewed(write_plan(place, "leaf.xml", step))
    assert [phase.state.status for phase in found.steps[0].after] == [Status.LOCKED_OUT]
    assert found.steps[0].first_safe is None
    switched = 'do = "switch-ca"\nchain = "switched.pem"\n\n[[step]]\ndate = 2027-02-20\n' + step
    found = reviewed(write_plan(place, "backup.xml", switched))
    assert [phase.state.status for step in found.steps for phase in step.after] == [Status.ACCEPTS, Status.ACCEPTS]


def test_a_root_that_is_added_lets_its_chain_in(place: Path) -> None:
    switch = 'do = "switch-ca"\nchain = "switched.pem"'
    late = reviewed(write_plan(place, "backup.xml", switch, 'trust = "old-root.pem"'))
    assert [phase.state.status for phase in late.steps[0].after] == [Status.LOCKED_OUT]
    added = 'do = "add-root"\nroot = "new-root.pem"\n\n[[step]]\ndate = 2027-02-03\n' + switch
    found = reviewed(write_plan(place, "backup.xml", added, 'trust = "old-root.pem"'))
    assert [phase.state.status for step in found.steps for phase in step.after] == [Status.ACCEPTS, Status.ACCEPTS]


def test_a_root_removed_under_a_stand_in_is_its_stand_in(place: Path) -> None:
    steps = 'do = "renew"\n\n[[step]]\ndate = 2027-02-03\ndo = "remove-root"\nroot = "old-root.pem"'
    found = reviewed(write_plan(place, "leaf.xml", steps))
    assert [phase.state.status for step in found.steps for phase in step.after] == [Status.ACCEPTS, Status.LOCKED_OUT]


def test_an_expiring_pin_set_ends_the_safe_days(place: Path) -> None:
    found = reviewed(write_plan(place, "expires.xml", 'do = "renew"', until("2027-02-28")))
    [step] = found.steps
    # The first devices are 14 hours ahead, so the pins are off from 2027-02-09 10:00Z on.
    assert step.safe
    assert step.last_safe == int(day("2027-02-09").timestamp())
    [problem] = found.problems
    assert (problem.status, moment(problem.begin)) == (Status.UNPROTECTED, "2027-02-09T10:00:01Z")
    assert found.status is Status.LOCKED_OUT


def test_a_chain_on_which_clients_differ_is_not_judged(place: Path, pindrill: Pindrill) -> None:
    plan = write_plan(place, "old-root.xml", 'do = "switch-ca"\nchain = "crossed.pem"', until("2027-02-15"))
    ran = pindrill.call("plan", str(plan))
    assert ran.code == 3
    assert "clients differ" in ran.out


def test_a_plan_that_hurts_nobody(place: Path, pindrill: Pindrill) -> None:
    ran = pindrill.call("plan", str(write_plan(place, "leaf.xml", 'do = "renew"', until("2027-03-01"))))
    assert ran.code == 0
    assert "locks nobody out" in ran.out


def both(of_trustkit: str, of_ats: str, host: str = HOST) -> str:
    """One Info.plist, read by TrustKit and by the platform."""
    policy = {"TSKEnforcePinning": True, "TSKPublicKeyHashes": [of_trustkit, spki_pin(new_key())]}
    entry = {"NSPinnedLeafIdentities": [{"SPKI-SHA256-BASE64": of_ats}]}
    return plistlib.dumps(
        {
            "TSKConfiguration": {"TSKPinnedDomains": {host: policy}},
            "NSAppTransportSecurity": {"NSPinnedDomains": {HOST: entry}},
        }
    ).decode()


def test_pins_that_never_matched_make_no_step_safe(place: Path) -> None:
    [step] = reviewed(write_plan(place, "new-root.xml", 'do = "renew"')).steps
    assert not step.safe
    assert step.first_safe is None
    assert "new-root.xml is locked out by the chain of step 1 (renew)" in step.limit
    # A step that mends it is.
    [step] = reviewed(write_plan(place, "new-root.xml", 'do = "switch-ca"\nchain = "switched.pem"')).steps
    assert step.safe


def test_an_app_with_two_mechanisms_is_refused_by_either_and_protected_by_either(place: Path) -> None:
    def status(text: str) -> Status:
        put(place / "Info.plist", text)
        [phase] = reviewed(write_plan(place, "Info.plist", 'do = "renew"')).steps[0].after
        return phase.state.status

    own, foreign = leaf_pin_of(place / "current.pem"), spki_pin(new_key())
    assert status(both(own, own)) is Status.ACCEPTS
    assert status(both(foreign, own)) is Status.LOCKED_OUT
    assert status(both(own, foreign)) is Status.LOCKED_OUT
    assert status(both(foreign, own, host="other.example.com")) is Status.ACCEPTS


def leaf_pin_of(chain: Path) -> str:
    return openssl_pin(openssl("x509", "-in", str(chain), "-noout", "-pubkey"))


def test_private_keys_of_a_plan_are_not_kept(place: Path) -> None:
    put(place / "key.pem", private_pem(new_key()))
    plan: Plan = read_plan(write_plan(place, "leaf.xml", 'do = "rekey"\nkey = "key.pem"'))
    assert not plan.steps[0].servers[1].key.has_private


# --- the runbook -----------------------------------------------------------------------------------------------


def test_a_runbook_says_what_to_do_check_stop_and_go_back(place: Path, pindrill: Pindrill) -> None:
    plan = write_plan(place, "backup.xml", 'do = "rekey"\ncsr = "backup.csr"\nname = "to the *backup*"')
    ran = pindrill.call("runbook", str(plan))
    assert ran.code == 0
    for part in ("### Do", "### Check", "### Stop when", "### Go back", "- [ ] Have this CSR certified"):
        assert part in ran.out
    assert "to the \\*backup\\*" in ran.out
    assert f"--current {place / 'current.pem'}" in ran.out
    assert "2027-02-17 00:00Z, when the old chain ceases to be accepted" in ran.out


def test_the_commands_of_a_runbook_run(place: Path, pindrill: Pindrill) -> None:
    plan = write_plan(place, "backup.xml", 'do = "rekey"\nchain = "rekeyed.pem"', until("2027-02-10"))
    text = pindrill.call("runbook", str(plan)).out
    [first] = [
        line.strip()
        for line in text.splitlines()
        if line.strip().startswith("pindrill preflight") and "live" not in line
    ]
    ran = pindrill.call(*first.split()[1:])
    assert ran.code == 0, ran.err
    assert "Do not begin" not in text


def test_a_runbook_of_an_unsafe_plan_says_so_first(place: Path, pindrill: Pindrill) -> None:
    plan = write_plan(place, "leaf.xml", 'do = "rekey"\ncsr = "backup.csr"')
    text = pindrill.call("runbook", str(plan), "-o", str(place / "runbook.md")).out
    assert text == ""
    assert "Do not begin" in (place / "runbook.md").read_text().splitlines()[2]

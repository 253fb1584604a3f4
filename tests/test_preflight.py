"""`pindrill preflight`: who accepts a planned chain, by which pin, until when, and what is assumed."""

from __future__ import annotations

import json
import plistlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pindrill.pinfiles import read_all
from pindrill.preflight import Outlook, Status, check, files, read_chain, read_trust
from support import planned
from support.cli import Pindrill
from support.openssl import openssl, spki_pin
from support.planned import HOST, Issuer, cross_signed, curl, day, intermediate, leaf, new_key, nsc, put, root


@dataclass(frozen=True)
class World:
    """Chains from 2027-02-01 on, of 47 days, and pin files."""

    directory: Path
    root: Issuer
    issuer: Issuer
    leaf_pin: str
    next_pin: str

    def ask(self, pins: str, chain: str, at: str = "2027-02-12", *, trust: bool = True, host: str = HOST) -> Outlook:
        given = read_trust(self.directory / "roots.pem") if trust else None
        [outlook] = check(
            read_all(self.directory / pins), [read_chain(self.directory / chain, given)], at=day(at), hosts=[host]
        )
        return outlook


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = tmp_path_factory.mktemp("world")
    old, new = root("Old root"), root("New root")
    issuer, other = intermediate("Issuer", old), intermediate("Other issuer", new)
    key, next_key = new_key(), new_key()
    leaf_pin, next_pin = planned.spki_pin(key), planned.spki_pin(next_key)
    put(place / "roots.pem", old.pem, new.pem)
    put(place / "now.pem", leaf(issuer, key, "2027-01-01"), issuer.pem)
    put(place / "renewed.pem", leaf(issuer, key, "2027-02-01"), issuer.pem)
    put(place / "rekeyed.pem", leaf(issuer, next_key, "2027-02-01"), issuer.pem)
    put(place / "rekeyed-with-root.pem", leaf(issuer, next_key, "2027-02-01"), issuer.pem, old.pem)
    put(place / "leaf-only.pem", leaf(issuer, key, "2027-02-01"))
    put(place / "crossed.pem", leaf(other, next_key, "2027-02-01"), other.pem, cross_signed(new, old))
    put(place / "wildcard.pem", leaf(issuer, key, "2027-02-01", names=("*.example.com",)), issuer.pem)
    put(place / "upside-down.pem", issuer.pem, leaf(issuer, key, "2027-02-01"))
    put(place / "leaf.xml", nsc(leaf_pin))
    put(place / "expires.xml", nsc(leaf_pin, expires="2027-03-01"))
    put(place / "backup.xml", nsc(leaf_pin, next_pin))
    put(place / "authorities.xml", nsc(issuer.pin, old.pin))
    put(place / "old-root.xml", nsc(old.pin))
    put(place / "crash.xml", nsc("AAAA"))
    put(place / "curl.sh", curl(leaf_pin))
    put(place / "curl-authority.sh", curl(issuer.pin))
    put(place / "ats.plist", ats(leaf_pin, issuer.pin))
    put(place / "ats-other-ca.plist", ats(leaf_pin, other.pin))
    put(place / "trustkit.plist", trustkit(leaf_pin, next_pin, "2027-03-01"))
    return World(place, old, issuer, leaf_pin, next_pin)


def ats(of_leaf: str, of_ca: str) -> str:
    lists = {"NSPinnedLeafIdentities": [of_leaf], "NSPinnedCAIdentities": [of_ca]}
    entry: dict[str, Any] = {name: [{"SPKI-SHA256-BASE64": pin}] for name, [pin] in lists.items()}
    return plistlib.dumps({"NSAppTransportSecurity": {"NSPinnedDomains": {HOST: entry}}}).decode()


def trustkit(one: str, other: str, expires: str) -> str:
    policy = {"TSKEnforcePinning": True, "TSKPublicKeyHashes": [one, other], "TSKExpirationDate": expires}
    return plistlib.dumps({"TSKConfiguration": {"TSKPinnedDomains": {HOST: policy}}}).decode()


# --- the answer, and what carries it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pins", "chain", "status"),
    [
        ("leaf.xml", "renewed.pem", Status.ACCEPTS),
        ("leaf.xml", "rekeyed.pem", Status.LOCKED_OUT),
        ("backup.xml", "rekeyed.pem", Status.ACCEPTS),
        ("authorities.xml", "rekeyed.pem", Status.ACCEPTS),
        ("old-root.xml", "crossed.pem", Status.DIFFERS),
        ("curl.sh", "renewed.pem", Status.ACCEPTS),
        ("curl.sh", "rekeyed.pem", Status.LOCKED_OUT),
        # Only the server's own key is compared.
        ("curl-authority.sh", "renewed.pem", Status.LOCKED_OUT),
        ("ats.plist", "renewed.pem", Status.ACCEPTS),
        ("ats.plist", "rekeyed.pem", Status.LOCKED_OUT),
        # Both lists must match.
        ("ats-other-ca.plist", "renewed.pem", Status.LOCKED_OUT),
        ("trustkit.plist", "rekeyed.pem", Status.ACCEPTS),
        ("crash.xml", "renewed.pem", Status.LOCKED_OUT),
    ],
)
def test_the_answer_has_the_semantics_of_the_format(world: World, pins: str, chain: str, status: Status) -> None:
    assert world.ask(pins, chain).status is status


def test_each_pin_that_is_enough_is_named_with_its_line_and_its_owner(world: World) -> None:
    carrying = world.ask("authorities.xml", "rekeyed.pem").pins
    assert [(pin.whose, pin.subject, pin.line) for pin in carrying] == [
        ("intermediate", "Issuer", 6),
        ("root", "Old root", 7),
    ]
    assert carrying[0].text == f"sha256/{world.issuer.pin}"
    [own] = world.ask("backup.xml", "renewed.pem").pins
    assert (own.whose, own.text) == ("leaf", f"sha256/{world.leaf_pin}")


def test_pins_agree_with_openssl(world: World) -> None:
    public = openssl("x509", "-noout", "-pubkey", text=world.issuer.pem)
    assert spki_pin(public) == world.issuer.pin


def test_two_lists_of_which_both_must_match_are_both_named(world: World) -> None:
    assert {pin.whose for pin in world.ask("ats.plist", "renewed.pem").pins} == {"leaf", "intermediate"}


# --- until when ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pins", "until", "then"),
    [
        # 47 days from 2027-02-01.
        ("leaf.xml", "2027-03-20T00:00:00+00:00", Status.LOCKED_OUT),
        # Local midnight: the first devices are 14 hours ahead of UTC, and pins are off strictly after it.
        ("expires.xml", "2027-02-28T10:00:01+00:00", Status.UNPROTECTED),
        ("trustkit.plist", "2027-03-01T00:00:01+00:00", Status.UNPROTECTED),
    ],
)
def test_the_answer_holds_until_a_known_instant(world: World, pins: str, until: str, then: Status) -> None:
    outlook = world.ask(pins, "renewed.pem")
    limit = datetime.fromisoformat(until)
    assert outlook.until == limit.timestamp()
    assert outlook.then
    assert outlook.then.status is then
    before = limit - timedelta(seconds=1)
    assert world.ask(pins, "renewed.pem", f"{before:%Y-%m-%dT%H:%M:%S}").status is Status.ACCEPTS
    assert world.ask(pins, "renewed.pem", f"{limit:%Y-%m-%dT%H:%M:%S}").status is then


def test_an_expired_pin_set_protects_nobody(world: World) -> None:
    outlook = world.ask("expires.xml", "rekeyed.pem", "2027-03-02")
    assert outlook.status is Status.UNPROTECTED
    assert outlook.pins == ()


# --- trust -----------------------------------------------------------------------------------------------------


def test_a_root_in_the_file_is_taken_for_trusted_and_that_is_said(world: World) -> None:
    outlook = world.ask("old-root.xml", "rekeyed-with-root.pem", trust=False)
    assert outlook.status is Status.ACCEPTS
    assert "the last certificate" in outlook.assumed
    assert "Old root" in outlook.assumed


def test_without_a_known_root_only_what_does_not_need_it_is_said(world: World) -> None:
    assert world.ask("authorities.xml", "rekeyed.pem", trust=False).status is Status.ACCEPTS
    open_ = world.ask("old-root.xml", "rekeyed.pem", trust=False)
    assert open_.status is Status.UNKNOWN
    assert "--trust" in open_.assumed
    assert world.ask("curl.sh", "rekeyed.pem", trust=False).status is Status.LOCKED_OUT


def test_the_roots_of_the_system_are_used_where_the_chain_leads_to_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = read_trust(world.directory / "roots.pem").certificates
    monkeypatch.setattr(files, "_system_roots", lambda: roots)
    outlook = world.ask("old-root.xml", "rekeyed.pem", trust=False)
    assert outlook.status is Status.ACCEPTS
    assert "the roots of this system" in outlook.assumed


# --- hosts -----------------------------------------------------------------------------------------------------


def test_a_wildcard_certificate_is_tried_on_the_hosts_of_the_file(world: World) -> None:
    chain = read_chain(world.directory / "wildcard.pem", read_trust(world.directory / "roots.pem"))
    [outlook] = check(read_all(world.directory / "leaf.xml"), [chain], at=day("2027-02-12"))
    assert (outlook.host, outlook.status) == (HOST, Status.ACCEPTS)


def test_a_certificate_for_none_of_the_files_hosts_is_not_judged(world: World, tmp_path: Path) -> None:
    pins = put(tmp_path / "other.xml", nsc(world.leaf_pin, host="other.example.com"))
    chain = read_chain(world.directory / "renewed.pem", read_trust(world.directory / "roots.pem"))
    [outlook] = check(read_all(pins), [chain], at=day("2027-02-12"))
    assert outlook.status is Status.UNKNOWN
    assert "--host" in outlook.reason
    [named] = check(read_all(pins), [chain], at=day("2027-02-12"), hosts=[HOST])
    assert named.status is Status.UNPROTECTED


# --- the command line ------------------------------------------------------------------------------------------


def preflight(pindrill: Pindrill, world: World, pins: str, chain: str, *more: str) -> Any:
    place = world.directory
    trust = ["--trust", str(place / "roots.pem")] if "--trust" not in more else []
    files_ = ["--pins", str(place / pins), "--chain", str(place / chain)]
    return pindrill.call("preflight", *files_, *trust, "--at", "2027-02-12", *more)


@pytest.mark.parametrize(
    ("pins", "chain", "code"),
    [
        ("leaf.xml", "renewed.pem", 0),
        ("leaf.xml", "rekeyed.pem", 1),
        ("old-root.xml", "crossed.pem", 3),
        ("leaf.xml", "upside-down.pem", 2),
        ("leaf.xml", "missing.pem", 2),
        ("leaf.xml", "leaf.xml", 2),
        ("missing.xml", "renewed.pem", 2),
    ],
)
def test_exit_codes(pindrill: Pindrill, world: World, pins: str, chain: str, code: int) -> None:
    ran = preflight(pindrill, world, pins, chain)
    assert ran.code == code
    if code == 2:
        wrong = chain if "missing" in chain or pins == "leaf.xml" else pins
        assert str(world.directory / wrong) in ran.err
        assert "Traceback" not in ran.err


def test_an_unprotected_app_fails_too(pindrill: Pindrill, world: World) -> None:
    ran = preflight(pindrill, world, "expires.xml", "renewed.pem", "--at", "2027-03-02")
    assert ran.code == 1
    assert "connects without a pin" in ran.out


def test_rolling_back_is_told_and_does_not_decide(pindrill: Pindrill, world: World) -> None:
    place = world.directory
    put(place / "next-only.xml", nsc(world.next_pin))
    ran = preflight(pindrill, world, "next-only.xml", "rekeyed.pem", "--current", str(place / "now.pem"))
    assert ran.code == 0
    assert f"after rolling back to {place / 'now.pem'} for {HOST}: locked out" in ran.out
    assert "no safe way back for 1 pin file" in ran.out


def test_json_lines(pindrill: Pindrill, world: World) -> None:
    current = str(world.directory / "now.pem")
    ran = preflight(pindrill, world, "backup.xml", "rekeyed.pem", "--current", current, "--json", "-")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [(line["served"], line["status"]) for line in lines] == [("next", "accepts"), ("back", "accepts")]
    assert lines[0]["pins"][0]["whose"] == "leaf"
    assert lines[0]["until"] == "2027-03-20T00:00:00Z"
    assert lines[1]["until"] == "2027-02-17T00:00:00Z"


def test_names_out_of_a_certificate_do_not_steer_the_terminal(pindrill: Pindrill, world: World, tmp_path: Path) -> None:
    hostile = root("Evil\x1b[2J root")
    put(tmp_path / "chain.pem", leaf(hostile, new_key(), "2027-02-01"), hostile.pem)
    put(tmp_path / "pins.xml", nsc(hostile.pin))
    arguments = ["--pins", str(tmp_path / "pins.xml"), "--chain", str(tmp_path / "chain.pem")]
    ran = pindrill.call("preflight", *arguments, "--at", "2027-02-12")
    assert ran.code == 0
    assert "\x1b" not in ran.out


def test_what_fails_is_a_finding_with_file_and_line(world: World) -> None:
    finding = world.ask("leaf.xml", "rekeyed.pem").finding
    assert finding
    assert (Path(finding.file).name, finding.line, finding.rule, finding.severity) == (
        "leaf.xml",
        4,
        "preflight-locked-out",
        "error",
    )
    assert world.ask("leaf.xml", "renewed.pem").finding is None
    differs = world.ask("old-root.xml", "crossed.pem").finding
    assert differs
    assert differs.severity == "warning"

"""The chains of the scenarios are what their summaries say, in the words of the openssl program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.mint import Mint
from pindrill.model import HOST, Served
from pindrill.scenarios import CATALOGUE
from support.openssl import openssl, printed, public_key, verify

BY_CODE = {scenario.code: scenario for scenario in reversed(CATALOGUE)}
GENUINE = Served()


def chain(mint: Mint, code: str) -> list[_core.Certificate]:
    return mint.credential(BY_CODE[code].stages[-1].serve).chain


def trust(mint: Mint, code: str) -> list[_core.Certificate]:
    return mint.trust(BY_CODE[code].trust)


@pytest.mark.parametrize("code", ["BL6", "IN4", "IN5", "IN6", "IN7", "IN12", "HN11", "HN12"])
def test_a_rogue_chain_is_valid_but_for_the_pin(mint: Mint, tmp_path: Path, code: str) -> None:
    for scenario in [each for each in CATALOGUE if each.code == code]:
        shown = mint.credential(scenario.stages[-1].serve).chain
        assert verify(tmp_path, shown, trust(mint, code), "-verify_hostname", HOST) == ""
        assert public_key(shown[0]) != public_key(mint.credential(GENUINE).chain[0])


def test_self_signed(mint: Mint, tmp_path: Path) -> None:
    [leaf] = chain(mint, "IN1")
    assert printed(leaf, "-subject") == printed(leaf, "-issuer")
    assert "self-signed" in verify(tmp_path, [leaf], trust(mint, "IN1"))


def test_untrusted_ca(mint: Mint, tmp_path: Path) -> None:
    assert "unable to get local issuer certificate" in verify(tmp_path, chain(mint, "IN2"), trust(mint, "IN2"))
    assert verify(tmp_path, chain(mint, "IN2"), mint.trust(("root-untrusted",))) == ""


def test_two_rogue_intermediates(mint: Mint) -> None:
    [_, two] = [scenario for scenario in CATALOGUE if scenario.code == "IN4"]
    assert len(mint.credential(two.stages[0].serve).chain) == 3


@pytest.mark.parametrize(("code", "places"), [("IN5", {2}), ("IN6", {2, 3}), ("IN7", {1})])
def test_where_genuine_certificates_stand_in_a_rogue_chain(mint: Mint, code: str, places: set[int]) -> None:
    genuine = [*mint.credential(GENUINE).chain, *mint.trust(("root-current",))]
    assert {at for at, certificate in enumerate(chain(mint, code)) if certificate in genuine} == places


def test_genuine_leaf_without_its_key(mint: Mint) -> None:
    served = BY_CODE["IN8"].stages[0].serve
    assert mint.credential(served).chain == mint.credential(GENUINE).chain
    signing = mint.keyring.private(served.signing_key or "")
    public = openssl("pkey", "-pubout", text=signing.private_pem())
    assert public != public_key(mint.credential(served).chain[0])


def test_cloned_ca(mint: Mint) -> None:
    clone, model = chain(mint, "IN12")[1], mint.credential(GENUINE).chain[1]
    for same in (("-subject",), ("-serial",), ("-ext", "subjectKeyIdentifier")):
        assert printed(clone, *same) == printed(model, *same)
    assert public_key(clone) != public_key(model)
    assert printed(clone, "-issuer") != printed(model, "-issuer")


@pytest.mark.parametrize("code", ["IN15", "HN1", "HN2"])
def test_another_host_of_the_pinned_ca(mint: Mint, tmp_path: Path, code: str) -> None:
    assert verify(tmp_path, chain(mint, code), trust(mint, code)) == ""
    assert "hostname mismatch" in verify(tmp_path, chain(mint, code), trust(mint, code), "-verify_hostname", HOST)
    same_key = public_key(chain(mint, code)[0]) == public_key(mint.credential(GENUINE).chain[0])
    assert same_key == (code == "HN1")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("VT1", "certificate has expired"),
        ("VT2", "certificate is not yet valid"),
        ("VT3", "certificate has expired"),
    ],
)
def test_dates(mint: Mint, tmp_path: Path, code: str, complaint: str) -> None:
    assert complaint in verify(tmp_path, chain(mint, code), trust(mint, code), "-verify_hostname", HOST)
    assert verify(tmp_path, chain(mint, code), trust(mint, code), "-no_check_time") == ""


def test_cross_signed_root(mint: Mint, tmp_path: Path) -> None:
    shown = chain(mint, "RO5")
    assert verify(tmp_path, shown, mint.trust(("root-current",)), "-verify_hostname", HOST) == ""
    assert verify(tmp_path, shown[:-1], trust(mint, "RO5")) != ""
    assert printed(shown[-1], "-subject") == printed(mint.trust(("root-backup",))[0], "-subject")


def test_intermediate_missing(mint: Mint, tmp_path: Path) -> None:
    assert verify(tmp_path, chain(mint, "CH1"), trust(mint, "CH1")) != ""


@pytest.mark.parametrize("code", ["BL3", "CH3", "CH4", "RO1", "RO3", "RO6", "RO18", "RO19", "RO26"])
def test_what_must_be_accepted_verifies(mint: Mint, tmp_path: Path, code: str) -> None:
    assert verify(tmp_path, chain(mint, code), trust(mint, code), "-verify_hostname", HOST) == ""


@pytest.mark.parametrize(("code", "at"), [("RO1", 0), ("RO18", 1)])
def test_certified_again(mint: Mint, code: str, at: int) -> None:
    again, before = chain(mint, code)[at], mint.credential(GENUINE).chain[at]
    assert public_key(again) == public_key(before)
    assert printed(again, "-serial") != printed(before, "-serial")


def test_root_certified_again(mint: Mint) -> None:
    again, before = mint.trust(("root-current@2", "root-current"))
    assert public_key(again) == public_key(before)
    assert again != before


@pytest.mark.parametrize(
    ("label", "words"),
    [("p521", "521 bit"), ("ed25519", "ED25519"), ("rsa3072", "3072 bit"), ("rsa", "2048 bit")],
)
def test_uncommon_keys_are_what_they_are_called(mint: Mint, label: str, words: str) -> None:
    served = replace(Served(), key=f"leaf-{label}")
    assert words in openssl("pkey", "-pubin", "-noout", "-text", text=public_key(mint.leaf(served)))

"""An entry that is for no host is told by every command, in every format and spelling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pindrill.pinfiles import read_all
from pindrill.pinfiles.names import canonical, meant
from support.cli import Pindrill
from support.entries import (
    Maker,
    ats_file,
    dane_file,
    is_pinned,
    nsc_file,
    okhttp_file,
    react_file,
    trustkit_file,
)
from support.names import HOST, HOSTS, WRITTEN
from support.pin_vectors import AT
from support.planned import intermediate, leaf, new_key, put, root

# --- every format, every spelling -------------------------------------------------------------------------------

MAKERS = [nsc_file, ats_file, trustkit_file, okhttp_file, react_file, dane_file]


@pytest.mark.parametrize("make", MAKERS)
def test_what_never_matches_is_an_error_and_converts_to_nothing(
    tmp_path: Path, pindrill: Pindrill, make: Maker
) -> None:
    """For every spelling that is for no host: an error, and no command makes a matching name of it."""
    told = 0
    for name in WRITTEN:
        path = make(tmp_path / "x", name)
        if not path.read_bytes().isascii() and make is dane_file:
            continue
        linted = pindrill.call("pins", "lint", str(path), "--at", "2026-06-01")
        if linted.code == 2:
            continue
        [file] = read_all(path)
        if any(is_pinned(file, canonical(host)) for host in (*HOSTS, meant(name)) if host):
            continue
        told += 1
        assert linted.code == 1, name
        for target in ("android-nsc", "trustkit-ios", "okhttp"):
            ran = pindrill.call(
                *("pins", "convert", str(path), "--to", target, "--pins-are", "leaf", "--at", "2026-06-01")
            )
            assert (ran.code, ran.out) == (2, ""), (name, target)
    assert told > 5


# --- the commands ----------------------------------------------------------------------------------------------


def chain_for(tmp_path: Path) -> tuple[Path, Path]:
    trusted = root("Root")
    issuer = intermediate("Issuer", trusted)
    begin = f"{AT:%Y-%m-%d}"
    return put(tmp_path / "chain.pem", leaf(issuer, new_key(), begin), issuer.pem), put(tmp_path / "r.pem", trusted.pem)


@pytest.mark.parametrize("arguments", [(), ("--host", HOST), ("--host", f"{HOST}.")])
def test_preflight_calls_a_dotted_entry_not_pinned(
    tmp_path: Path, pindrill: Pindrill, arguments: tuple[str, ...]
) -> None:
    chain, trust = chain_for(tmp_path)
    path = nsc_file(tmp_path / "x", f"{HOST}.")
    ran = pindrill.call(
        *("preflight", "--pins", str(path), "--chain", str(chain), "--trust", str(trust), "--at", "2026-06-10"),
        *arguments,
    )
    assert ran.code == 1
    assert "connects without a pin" in ran.out
    assert f"'{HOST}.' on line 4 does not match it" in ran.out


def test_show_and_lint_tell_a_dotted_entry(tmp_path: Path, pindrill: Pindrill) -> None:
    path = nsc_file(tmp_path / "x", f"{HOST}.")
    shown = pindrill.call("pins", "show", str(path))
    assert f"{HOST}. and everything under {HOST}.: not pinned, no connection has this name" in shown.out
    told = json.loads(pindrill.call("pins", "show", "--json", str(path)).out)
    assert "without a dot" in told["matches_no_host"]
    linted = pindrill.call("pins", "lint", str(path), "--host", HOST)
    assert linted.code == 1
    assert f"fix: write {HOST}\n" in linted.out
    assert f"x.xml:4: error: {HOST} is not pinned" in linted.out


def test_diff_tells_the_dot_from_none(tmp_path: Path, pindrill: Pindrill) -> None:
    dotted, plain = nsc_file(tmp_path / "dotted", f"{HOST}."), nsc_file(tmp_path / "plain", HOST)
    assert "pinned: no -> yes" in pindrill.call("pins", "diff", str(dotted), str(plain)).out


def test_a_gate_is_red_on_a_dotted_entry(pindrill: Pindrill) -> None:
    nsc_file(pindrill.directory / "x", f"{HOST}.")
    put(pindrill.directory / "pindrill.toml", '[pins]\nfiles = ["x.xml"]\nfail_on = "error"\n')
    ran = pindrill.call("gate")
    assert ran.code == 1
    assert "domain-form" in ran.out


@pytest.mark.parametrize("host", [f"https://{HOST}", f"{HOST}:443", "a b", "", "*.example.com", "straße.example"])
def test_what_is_no_host_is_not_asked_about(tmp_path: Path, pindrill: Pindrill, host: str) -> None:
    path = nsc_file(tmp_path / "x", HOST)
    ran = pindrill.call("pins", "lint", str(path), "--host", host)
    assert ran.code == 2
    assert "is no host name" in ran.err

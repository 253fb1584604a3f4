"""The fixture clients and the mutants of the drills, audited from outside: each gets what its nature demands."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli import Pindrill
from support.client_app import CLIENTS
from support.lab import Audited, Lab, audit, laboratory

APP = Path(__file__).parent / "support" / "client_app.py"
MUTANTS = tomllib.loads((CLIENTS / "mutants" / "mutants.toml").read_text())
FIXTURES = sorted(path.parent.name for path in CLIENTS.glob("*/client.toml"))
BEHIND_PROXIES = [
    ("curl", "--proxy", "pinned"),
    ("curl", "--socks", "pinned"),
    ("git", "--socks", "pinned"),
    ("wget", "--proxy", "pinned"),
    # Its pins are those of an adapter's pool manager, and behind a proxy requests makes another one, without pins.
    ("requests", "--proxy", "intercepted"),
]
"""Clients that take a proxy from the environment, and how the pinned host fares there."""

# What the wire shows of each mutant at the host that it pins. Mistakes about pin sets alone are none here: their pin is
# the right one.
NATURE = {
    "no-pinning": {"intercepted"},
    "accepts-anything": {"no-validation"},
    "presented-list": {"wrong-certificate"},
    "no-chain-validation": {"wrong-certificate"},
    "no-host-check": {"pinned"},
    "no-date-check": {"pinned"},
    "dates-at-leafs-end": {"pinned"},
    "dates-at-leafs-beginning": {"pinned"},
    "no-possession": {"no-validation"},
    "partial-head": {"leaked"},
    "pin-after-response": {"intercepted"},
    "retry-without-pin": {"fallback"},
    "fallback-plaintext": {"fallback"},
    "first-connection-only": {"fallback", "mixed"},
    "first-pin-only": {"pinned"},
    "exact-host-lookup": {"pinned"},
    "issuer-by-name": {"pinned"},
    "false-success": {"pinned"},
    "accepts-nothing": {"inconclusive"},
    "crash-after-handshake": {"inconclusive"},
    "hang-after-handshake": {"inconclusive"},
}
AT_THE_UNPINNED = {
    "no-host-check": "wrong-certificate",
    "no-chain-validation": "no-validation",
    "no-possession": "no-validation",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab", ("pinned", "unpinned")) as made:
        yield made


def app(lab: Lab, *client: str, visits: int = 1) -> list[str]:
    program = f'"{sys.executable}" "{APP}" "{lab.directory}" "$HOME/trust.pem" {visits}'
    script = f'cat "{lab.directory}/genuine.pem" "$1" >"$HOME/trust.pem"; shift; exec {program} "$@"'
    return ["sh", "-c", script, "sh", "{ca_file}", *client]


def direct(lab: Lab) -> list[str]:
    return ["--direct", "--host", "pinned.lab.test", "--host", "unpinned.lab.test", "--port", str(lab.port)]


def verdicts(audited: Audited, lab: Lab) -> tuple[str, str]:
    return audited.verdict(lab.destination("pinned")), audited.verdict(lab.destination("unpinned"))


def told(audited: Audited) -> str:
    return f"{audited.out}\n{audited.err}"


@pytest.mark.parametrize("name", FIXTURES)
def test_a_client_that_finds_us_under_the_names(pindrill: Pindrill, lab: Lab, name: str) -> None:
    client = str(CLIENTS / name / "client.toml")
    audited = audit(pindrill, *direct(lab), *lab.options, "--deadline", "60", "--", *app(lab, client))
    assert verdicts(audited, lab) == ("pinned", "intercepted"), told(audited)


@pytest.mark.parametrize(("name", "way", "word"), BEHIND_PROXIES)
def test_a_client_behind_a_proxy(pindrill: Pindrill, lab: Lab, name: str, way: str, word: str) -> None:
    client = str(CLIENTS / name / "client.toml")
    audited = audit(pindrill, way, *lab.options, "--deadline", "60", "--", *app(lab, client))
    assert verdicts(audited, lab) == (word, "intercepted"), told(audited)


@pytest.mark.parametrize("bug", NATURE)
def test_a_mutant_gets_what_its_nature_demands(pindrill: Pindrill, lab: Lab, bug: str) -> None:
    visits = 2 if bug == "first-connection-only" else 1
    client = ("mutant", bug, MUTANTS[bug]["driver"])
    deadline = "3" if bug.startswith("hang") else "60"
    audited = audit(
        pindrill, *direct(lab), *lab.options, "--deadline", deadline, "--most-starts", "30",
        "--", *app(lab, *client, visits=visits),
    )  # fmt: skip
    pinned, unpinned = verdicts(audited, lab)
    assert pinned in NATURE[bug], told(audited)
    assert unpinned == AT_THE_UNPINNED.get(bug, unpinned), told(audited)


def test_every_mutant_is_either_here_or_shows_nothing_on_this_wire() -> None:
    elsewhere = {
        "unparsable-pins-accept", "prefix-compare", "case-insensitive-compare",  # other pins than the right one
        "asks-the-proxy-itself", "unpinned-behind-proxy",  # no proxy on the way
        "pin-in-full-handshakes", "old-pins-kept", "certificate-of-this-connection",  # no session to resume
        "fixed-path", "fallback-port", "detached-child", "poisoned-by-rogue",  # other paths, ports and times
        "clock-year-behind", "clock-year-ahead", "clock-three-days-behind",  # refuse what is genuine, or nothing
        "never-connects-refuses", "never-connects-accepts", "crash-at-start", "hang-before-handshake",  # no connection
    }  # fmt: skip
    assert set(MUTANTS) == set(NATURE) | elsewhere

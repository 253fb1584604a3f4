"""Real apps with known habits, audited as a researcher would: every destination gets the verdict it deserves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support.cli import Pindrill
from support.lab import HABITS, Audited, Lab, audit, laboratory

APPS = Path(__file__).parents[1] / "fixtures" / "apps"
OKHTTP = APPS.parent / "clients" / "okhttp" / "build" / "lib"
DESERVED = {
    "pinned": "pinned",
    "unpinned": "intercepted",
    "careless": "no-validation",
    "leaky": "leaked",
    "falling": "fallback",
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab") as made:
        yield made


def trusting(lab: Lab, program: str) -> list[str]:
    """Runs a program with the genuine roots and the test CA in one file, as in a device's store."""
    return [
        "sh",
        "-c",
        f'cat "{lab.directory}/genuine.pem" "$1" >"$HOME/trust.pem" && exec {program}',
        "sh",
        "{ca_file}",
    ]


def python_app(lab: Lab) -> list[str]:
    return trusting(lab, f'"{sys.executable}" "{APPS}/python/demo.py" "{lab.list_file}" "$HOME/trust.pem"')


def go_app(lab: Lab) -> list[str]:
    return trusting(lab, f'"{APPS}/go/build/app" "{lab.list_file}" "$HOME/trust.pem"')


def okhttp_app(lab: Lab) -> list[str]:
    java = f'java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "{APPS}/okhttp/build/classes:{OKHTTP}/*" Demo'
    return [*trusting(lab, f'{java} "{lab.list_file}" "$HOME/trust.pem" "$2"'), "{proxy}"]


def chromium(lab: Lab, *options: str) -> list[str]:
    run = f'"{APPS}/chromium/run" "{lab.list_file}" "$HOME/trust.pem" "$2" {" ".join(options)}'
    return [*trusting(lab, run), "{proxy}"]


LOOKING = {
    "unpinned": "intercepted",
    "pinned": "pinned",
    "validated": "pinned",
    **dict.fromkeys(("second", "second-of-three", "third", "last", "listed", "listed-issuer"), "wrong-certificate"),
}
"""Where an app looks for its pin, and what that deserves."""


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path / "lab", tuple(LOOKING)) as made:
        yield made


def directly(lab: Lab, habits: Iterable[str] = HABITS) -> list[str]:
    hosts = [part for habit in habits for part in ("--host", f"{habit}.lab.test")]
    return ["--direct", *hosts, "--port", str(lab.port), "--port", str(lab.plain_port)]


def verdicts(audited: Audited, lab: Lab, habits: Iterable[str] = HABITS) -> dict[str, str]:
    return {habit: audited.verdict(lab.destination(habit)) for habit in habits}


def told(audited: Audited) -> str:
    return f"{audited.out}\n{audited.err}"


def test_a_python_app_behind_a_proxy(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(pindrill, "--proxy", *lab.options, "--app", "demo", "--", *python_app(lab))
    assert verdicts(audited, lab) == DESERVED, told(audited)
    assert audited.code == 1
    readable = audited.lines[lab.destination("unpinned")]["readable"]
    assert {"kind": "authorization", "name": "Bearer", "length": 6} in readable
    assert "9f1c7d" not in told(audited) + str(audited.lines)


def test_an_okhttp_app_behind_a_proxy(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(pindrill, "--proxy", *lab.options, "--app", "demo", "--", *okhttp_app(lab))
    assert verdicts(audited, lab) == DESERVED, told(audited)


def test_a_go_app_that_knows_no_proxy(pindrill: Pindrill, lab: Lab) -> None:
    audited = audit(pindrill, *directly(lab), "--host", "never.lab.test", *lab.options, "--", *go_app(lab))
    assert verdicts(audited, lab) == DESERVED, told(audited)
    assert audited.verdict(f"never.lab.test:{lab.port}") == "not-contacted"


@pytest.mark.parametrize("way", ["proxy", "direct"])
def test_a_python_app_that_looks_for_its_pin_here_or_there(pindrill: Pindrill, places: Lab, way: str) -> None:
    options = ["--proxy"] if way == "proxy" else directly(places, LOOKING)
    audited = audit(pindrill, *options, *places.options, "--", *python_app(places))
    assert verdicts(audited, places, LOOKING) == LOOKING, told(audited)


def test_a_go_app_that_looks_for_its_pin_here_or_there(pindrill: Pindrill, places: Lab) -> None:
    audited = audit(pindrill, *directly(places, LOOKING), *places.options, "--", *go_app(places))
    assert verdicts(audited, places, LOOKING) == LOOKING, told(audited)


@pytest.mark.parametrize(
    ("options", "word"), [((), "intercepted"), (("--ignore-certificate-errors",), "no-validation")], ids=str
)
def test_a_page_in_chromium(pindrill: Pindrill, lab: Lab, options: tuple[str, ...], word: str) -> None:
    audited = audit(pindrill, "--proxy", *lab.options, "--app", "page", "--", *chromium(lab, *options))
    assert verdicts(audited, lab) == dict.fromkeys(HABITS, word), told(audited)


def test_without_trust_in_the_test_ca_nothing_is_called_pinned(pindrill: Pindrill, lab: Lab) -> None:
    program = f'"{APPS}/go/build/app" "{lab.list_file}" "{lab.directory}/genuine.pem"'
    audited = audit(pindrill, *directly(lab), *lab.options, "--", "sh", "-c", program)
    found = verdicts(audited, lab)
    assert found["careless"] == "no-validation", told(audited)
    assert {found["pinned"], found["unpinned"], found["leaky"]} <= {"ca-untrusted", "inconclusive"}, told(audited)

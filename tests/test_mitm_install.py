"""Finding a mitmdump, and an environment for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pindrill.mitm.install import ADDON
from support.cli import Pindrill

FAKE = "#!/bin/sh\nprintf 'Mitmproxy: %s\\nPython: 3\\n' '{version}'\n"


def on_path(pindrill: Pindrill, version: str) -> Path:
    bin_directory = pindrill.directory / "bin"
    bin_directory.mkdir()
    fake = bin_directory / "mitmdump"
    fake.write_text(FAKE.format(version=version))
    fake.chmod(0o755)
    pindrill.environment["PATH"] = f"{bin_directory}:{pindrill.environment['PATH']}"
    return fake


@pytest.fixture(autouse=True)
def no_data_directory(pindrill: Pindrill) -> None:
    pindrill.environment["XDG_DATA_HOME"] = str(pindrill.directory / "data")


def test_the_addon_has_a_path(pindrill: Pindrill) -> None:
    assert Path(pindrill.call("mitm", "addon").out.strip()) == ADDON
    assert ADDON.is_file()


@pytest.mark.parametrize(("version", "mark"), [("8.1.1", "ok "), ("12.2.3", "ok "), ("7.0.4", "-- ")])
def test_the_doctor_says_which_can_be_used(version: str, mark: str, pindrill: Pindrill) -> None:
    fake = on_path(pindrill, version)
    line = next(line for line in pindrill.run("doctor").out.splitlines() if str(fake) in line)
    assert line.startswith(mark)
    assert version in line


def test_an_old_one_is_named_with_the_way_out(pindrill: Pindrill) -> None:
    on_path(pindrill, "7.0.4")
    ran = pindrill.drill(("true",), "--via", "mitmproxy")
    assert ran.code == 2
    assert "7.0.4 is too old" in ran.err
    assert "pindrill mitm install" in ran.err


def test_an_environment_is_not_made_over_something_else(pindrill: Pindrill) -> None:
    place = pindrill.directory / "mine"
    place.mkdir()
    (place / "kept").write_text("kept")
    ran = pindrill.run("mitm", "install", "--dir", str(place))
    assert ran.code == 2
    assert "not empty" in ran.err
    assert (place / "kept").read_text() == "kept"


def test_an_installation_that_fails_says_what_pip_said(pindrill: Pindrill) -> None:
    pindrill.environment.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(pindrill.directory))
    ran = pindrill.run("mitm", "install", "--dir", str(pindrill.directory / "new"))
    assert ran.code == 2
    assert "cannot install mitmproxy" in ran.err

"""Fixtures: what is minted once, and a place of its own for every program that a test runs."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from pindrill.keyring import Keyring
from pindrill.machine.private_files import write_private
from pindrill.mint import Mint
from support.cli import Pindrill
from support.openssl import openssl


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has the slow keys: RSA-8192 takes half a minute, of five primes two seconds."""
    path = tmp_path_factory.mktemp("cache")
    (path / "pindrill").mkdir(mode=0o700)
    options = ("-pkeyopt", "rsa_keygen_bits:8192", "-pkeyopt", "rsa_keygen_primes:5")
    made = openssl("genpkey", "-algorithm", "RSA", *options)
    for label in ("leaf-rsa8192", "root-rsa8192"):  # never in one scenario
        write_private(path / "pindrill" / f"{label}.pem", made)
    return path


@pytest.fixture(scope="session")
def mint(cache: Path) -> Mint:
    """One keyring in memory for all tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        made = Mint(Keyring())
        for label in ("leaf-rsa8192", "root-rsa8192"):
            made.keyring.key(label)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty directory, private to one session of a client."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def pindrill(tmp_path: Path, cache: Path) -> Iterator[Pindrill]:
    """The command line; nothing of a run may be left behind."""
    place = tmp_path / "place"
    place.mkdir()
    program = Pindrill(place, cache)
    yield program
    assert program.left_over() == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where `ci/test` has installed everything, only what the machine does not allow may be skipped."""
    report = yield
    unexpected = (
        report.skipped and not hasattr(report, "wasxfail") and "no network namespace" not in str(report.longrepr)
    )
    if unexpected and os.environ.get("PINDRILL_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although everything is installed here: {report.longrepr}"
    return report

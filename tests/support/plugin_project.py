"""Runs pytest with the plugin, as in the project of a user."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

import pindrill.pytest_plugin.session  # noqa: F401  (else every run inside this process would load it again)
import pytest

from support.plugin_clients import STDLIB

_LOADED = [] if entry_points(group="pytest11", name="pindrill") else ["-p", "pindrill.pytest_plugin"]
# The loader of an editable install is imported before pytest looks for what to rewrite.
_LOADER = "ignore:Module already imported so cannot be rewritten; _editable"
_STRICT = ["-W", "error", "-W", _LOADER, "--strict-markers", "--strict-config", "-p", "no:cacheprovider"]
ONE_CELL = """
import pytest
from client import fetch

@pytest.mark.pindrill(scenarios="IN5", tls="1.3", strategies="leaf-spki")
def test_client(target):
    return fetch(target)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A directory of a user, with a client to import."""
    pytester.makepyfile(client=STDLIB)
    pytester.syspathinsert()
    return pytester


def inside(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*_LOADED, *options)


def apart(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    """In a process of its own, where a warning is an error, and which leaves nothing behind."""
    place = Path(project.mkdir("tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(place))
        patch.setenv("COLUMNS", "250")
        result = project.runpytest_subprocess(*_LOADED, *_STRICT, *options)
    assert [name for name in os.listdir(place) if name.startswith("pindrill-")] == []
    return result

"""`ci/quick` runs every test file that starts no client, and none that does."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support import quick

TESTS = Path(__file__).parent
STARTERS = frozenset({"subprocess", "playwright", "pytester", "fork", "Popen"})
"""Names that modules have which start a program."""
FIXTURES = frozenset({"pindrill"})
"""The command line."""


@cache
def names(path: Path) -> frozenset[str]:
    """Every name in a test module, and in the support that it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.arg):
            found.add(f"{node.arg}()")
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module.partition(".")[0], *(alias.name for alias in node.names)}
            inner = TESTS / "support" / f"{node.module.removeprefix('support.')}.py"
            if node.module.startswith("support.") and inner.exists():
                found |= names(inner)
    return frozenset(found)


def test_every_file_that_seems_to_start_nothing_is_quick_or_says_why_not() -> None:
    silent = {
        path.stem.removeprefix("test_")
        for path in TESTS.glob("test_*.py")
        if not names(path) & STARTERS and not {f"{fixture}()" for fixture in FIXTURES} & names(path)
    }
    assert silent - set(quick.QUICK) == set(quick.ELSEWHERE)
    assert [path.name for path in quick.files() if not path.exists()] == []


@pytest.mark.parametrize("program", ["curl", sys.executable])
def test_a_client_is_noticed(program: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="a quick test starts"):
        quick.refuse_programs("subprocess.Popen", (None, [program], None, None))


def test_what_says_how_certificates_are_is_no_client() -> None:
    quick.refuse_programs("subprocess.Popen", ("/usr/bin/openssl", ["openssl"], None, None))


def test_what_is_watched_is_what_python_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the events are Python's."""
    heard: list[str] = []
    monkeypatch.setattr(quick, "refuse_programs", lambda event, _: heard.append(event))
    monkeypatch.setattr(quick, "_watching", True)
    sys.addaudithook(quick.hear)
    subprocess.run(["git", "--version"], check=True, capture_output=True)
    assert "subprocess.Popen" in heard

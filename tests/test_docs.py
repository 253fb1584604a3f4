"""The examples of README and docs run, and end as they say (`run=EXIT` behind the fence)."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
from pindrill.cli import application
from typer.core import TyperGroup

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    (page.name, number, kind, int(code), text)
    for page in PAGES
    for number, (kind, code, text) in enumerate(
        re.findall(r"```(sh|python) run=(\d)\n(.*?)```", page.read_text(), re.DOTALL)
    )
]
PROGRAMS = {
    "sh": ("sh", "-e"),
    "python": (sys.executable,),
}


@pytest.mark.parametrize(("page", "number", "kind", "code", "text"), EXAMPLES)
def test_an_example_ends_as_the_page_says(
    page: str, number: int, kind: str, code: int, text: str, tmp_path: Path
) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tmp_path / "example").write_text(text)
    done = subprocess.run(
        [*PROGRAMS[kind], "example"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{page}, example {number}:\n{done.stdout}\n{done.stderr}"


MANUAL = [*PAGES, *sorted((ROOT / "docs" / "pin-formats").glob("*.md"))]
OPERATORS = {"|", "||", "&&", ";", ">", ">>", "&"}


def pindrill_commands(text: str) -> Iterator[tuple[bool, list[str]]]:
    """The words of each command of pindrill that a page shows, in a block, to be copied, or within a sentence."""
    blocks = "".join(re.findall(r"```sh[^\n]*\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ").splitlines()
    sentences = re.findall(r"`(pindrill [^`]+)`", text)
    for whole, line in [*((True, line) for line in blocks), *((False, line) for line in sentences)]:
        # What stands for more is left away.
        words = shlex.split(line.replace("…", " "), comments=True)
        while "pindrill" in words:
            words = words[words.index("pindrill") + 1 :]
            yield whole, list(takewhile(lambda word: word not in OPERATORS, words))


def parsed(command: Any, name: str, words: list[str], parent: Any = None) -> None:
    """Raises click's usage error. Runs nothing."""
    context = command.make_context(name, words, parent=parent)
    if isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        found, inner, rest = command.resolve_command(context, rest)
        parsed(inner, found or "", rest, context)


@pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
def test_every_command_on_a_page_is_one_that_pindrill_knows(page: Path) -> None:
    text = page.read_text()
    for whole, words in pindrill_commands(text):
        if not words or not words[0].isalpha() or words[0].isupper():
            continue
        try:
            parsed(typer.main.get_command(application(words)), "pindrill", list(words))
        except Exception as error:
            if whole or type(error).__name__ != "MissingParameter":  # a sentence may name a command alone
                raise
    shows = re.search(r"^pindrill ", text, re.MULTILINE)
    assert not shows or page.name in ("README.md", "decisions.md") or "README.md#where-pindrill-is" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_there_are_examples() -> None:
    assert {kind for _, _, kind, _, _ in EXAMPLES} == PROGRAMS.keys()


def test_the_lines_that_put_pindrill_on_the_path_do_so(tmp_path: Path) -> None:
    """That which ci/drill ends with, and that of the README, in a clone whose path has a space."""
    clone = tmp_path / "a clone"
    program = clone / ".venv" / "bin" / "pindrill"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    [line] = re.findall(r"^export PATH=.*", (ROOT / "README.md").read_text(), re.MULTILINE)
    for script in (line, f'. "{ROOT}/ci/setup.sh"; eval "$(path_line)"'):
        done = subprocess.run(
            ["bash", "-ec", f"{script}\ncd /\npindrill"],
            cwd=clone,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("found\n", "")
    assert "path_line" in (ROOT / "ci" / "drill").read_text()

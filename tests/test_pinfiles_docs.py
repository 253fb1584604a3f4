"""The pages on pin formats: their examples run, their tables tell the truth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pindrill.pinfiles.formats import FORMATS, RULES
from support.pin_index import INDEX, current

FOLDER = Path(__file__).parents[1] / "docs" / "pin-formats"
PAGES = sorted(FOLDER.glob("*.md"))
FILE = re.compile(r"```\w+ file=(\S+)\n(.*?)```", re.DOTALL)
RUN = re.compile(r"```sh run=(\d)\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_end_as_it_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    for name, content in FILE.findall(text):
        (tmp_path / name).write_text(content)
    runs = RUN.findall(text)
    assert runs
    for code, commands, printed in runs:
        done = subprocess.run(
            ["sh", "-ec", commands],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == int(code), done.stdout + done.stderr
        assert not printed or done.stdout == printed


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.name)
def test_a_clean_example_is_clean(page: Path, tmp_path: Path) -> None:
    """A page's own file gets no warning."""
    for name, content in FILE.findall(page.read_text()):
        (tmp_path / name).write_text(content)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "pindrill"), "pins", "lint", name, "--at", "2030-01-01"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert "warning" not in done.stdout


def test_the_tables_of_the_index_are_current() -> None:
    """`support.pin_index` writes them."""
    text = INDEX.read_text()
    assert current(text) == text
    assert {form.page for form in FORMATS} == {page.name for page in PAGES} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_rules_of_a_page_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for cell in re.findall(r"\| ((?:`[a-z-]+`(?:, )?)+)(?: \([^|]*\))? \|$", text, re.MULTILINE):
        for name in re.findall(r"`([a-z-]+)`", cell):
            assert name in RULES, name

"""The CI files: where pindrill is installed from, and where it never is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

TEMPLATES = Path(__file__).parents[1] / "ci" / "templates"
PIP = '#!/bin/sh\n[ "$1 $2" = "-m venv" ] && exit 0\nshift 3\nprintf "%s\\n" "$@" >> "$TOLD"\n'
"""Python, as far as the script asks for it: what pip was told goes into a file."""


def install_script(name: str) -> str:
    text = (TEMPLATES / name).read_text()
    if name == "Jenkinsfile":
        found = re.search(r"sh '''(.*?)'''", text, re.DOTALL)
        assert found
        return found[1]
    if name == "gitlab.yml":
        return str(yaml.safe_load(text)["pindrill"]["script"][0])
    [step] = [step for step in yaml.safe_load(text)["jobs"]["gate"]["steps"] if step.get("name") == "Install pindrill"]
    return str(step["run"])


def installed(name: str, place: Path, wheel: str, index: str) -> tuple[int, list[str], str]:
    told = place / "told"
    for program in ("python3", "python3.13", ".pindrill/bin/python3"):
        path = place / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PIP)
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", "-eu", "-c", install_script(name)],
        cwd=place,
        env={"PATH": f"{place}:/usr/bin:/bin", "TOLD": str(told), "PINDRILL_WHEEL": wheel, "PINDRILL_INDEX": index},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, told.read_text().splitlines() if told.exists() else [], done.stderr


NAMES = ["github.yml", "gitlab.yml", "Jenkinsfile"]
WHEEL = "pindrill-0.1.0-cp313-cp313-manylinux_2_34_x86_64.whl"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("wheel", "index", "told"),
    [
        (f"vendor/{WHEEL}", "", [f"vendor/{WHEEL}[pins]"]),
        (f"a b/{WHEEL}", "https://index.test/simple", [f"a b/{WHEEL}[pins]"]),
        (f"https://files.test/{WHEEL}", "", [f"pindrill[pins] @ https://files.test/{WHEEL}"]),
        (f"https://files.test/{WHEEL}#sha256=ab", "", [f"pindrill[pins] @ https://files.test/{WHEEL}#sha256=ab"]),
        ("", "https://index.test/simple", ["--index-url", "https://index.test/simple", "pindrill[pins]"]),
    ],
)
def test_it_is_installed_from_what_was_named(
    tmp_path: Path, name: str, wheel: str, index: str, told: list[str]
) -> None:
    assert installed(name, tmp_path, wheel, index)[:2] == (0, told)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("wheel", "index"),
    [
        ("", ""),
        ("pindrill", ""),
        ("pindrill", "https://index.test/simple"),
        ("pindrill==0.1.0", ""),
        (f"http://files.test/{WHEEL}", ""),
        (f"-r evil.txt {WHEEL}", ""),
        ("$(touch injected).whl.txt", ""),
        ("`touch injected`", ""),
    ],
)
def test_a_name_alone_and_nothing_at_all_install_nothing_and_say_so(
    tmp_path: Path, name: str, wheel: str, index: str
) -> None:
    code, told, said = installed(name, tmp_path, wheel, index)
    assert (code, told) == (2, [])
    assert "Set PINDRILL_WHEEL to the path or https URL of pindrill's wheel (.whl), or PINDRILL_INDEX" in said
    assert not (tmp_path / "injected").exists()


@pytest.mark.parametrize("name", NAMES)
def test_no_template_names_the_package_without_its_source(name: str) -> None:
    lines = [line for line in (TEMPLATES / name).read_text().splitlines() if re.search(r"pip install|pipx|uv ", line)]
    assert len(lines) == 2
    assert all('"$from"' in line or '--index-url "$PINDRILL_INDEX"' in line for line in lines)


def test_actions_are_pinned_to_commits_and_nothing_of_an_event_reaches_a_shell() -> None:
    steps = yaml.safe_load((TEMPLATES / "github.yml").read_text())["jobs"]["gate"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) for name in used)
    assert not [step for step in steps if "${{" in step.get("run", "")]

"""What is installed on request: a command says what it lacks, and everything else does without."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from pindrill.extras import EXTRA_OF, requirements
from test_layering import MODULES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTION = {"yaml": "pyyaml", "multipart": "python-multipart", "python_multipart": "python-multipart"}
"""Of modules that are called otherwise."""
MAIN = "from pindrill.__main__ import run\nrun()"
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = {argv!r}
"""


def without_extras(*words: str, program: str = MAIN) -> subprocess.CompletedProcess[str]:
    """Runs where nothing of an extra can be imported."""
    text = WITHOUT.format(modules=set(EXTRA_OF), argv=["pindrill", *words]) + program
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


def name_of(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("audit", "--help"), "audit"),
        (("audit", "report", "x.jsonl"), "audit"),
        (("station", "--help"), "station"),
        (("pins", "lint", "x.xml"), "pins"),
        (("preflight", "--help"), "pins"),
        (("plan", "x.toml"), "pins"),
        (("runbook", "x.toml"), "pins"),
        (("rehearse", "x.toml"), "pins"),
        (("gate",), "pins"),
        (("init",), "pins"),
    ],
)
def test_a_command_says_what_it_lacks(words: tuple[str, ...], extra: str) -> None:
    done = without_extras(*words)
    assert (done.returncode, done.stdout) == (2, "")
    asked = " ".join(words[:2]) if words[1:2] == ("report",) else words[0]
    assert done.stderr.startswith(f"pindrill: pindrill {asked} needs the extra '{extra}', which is not installed.")
    lines = [line.removeprefix("pindrill: ") for line in done.stderr.splitlines()]
    advised = [shlex.split(line) for line in lines if line.startswith("  ")]
    assert advised == [[sys.executable, "-m", "pip", "install", *requirements(extra)]]
    assert not [word for word in advised[0][4:] if name_of(word) == "pindrill"]


@pytest.mark.parametrize(
    "words",
    [("drill", "--help"), ("scenarios",), ("report", "--help"), ("merge", "--help"), ("docs",), ("show", "IN5")],
)
def test_drills_and_reports_lack_nothing(words: tuple[str, ...]) -> None:
    done = without_extras(*words)
    assert done.returncode == 0, done.stderr


def test_the_list_of_commands_is_whole_and_says_which_need_more() -> None:
    done = without_extras("--help")
    assert done.returncode == 0, done.stderr
    for command, extra in (("audit", "audit"), ("station", "station"), ("gate", "pins"), ("pins", "pins")):
        assert re.search(rf"^ +{command} +Needs the extra '{extra}'", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^ +drill +Rehearse", done.stdout, re.MULTILINE)


def test_pytest_and_the_adapter_helper_lack_nothing() -> None:
    program = "import pindrill.pytest_plugin.session, pindrill.adapter\nprint('loaded')"
    assert without_extras(program=program).stdout == "loaded\n"


def test_a_module_that_is_no_extra_is_told_as_missing() -> None:
    program = "import pindrill.cli\npindrill.cli._COMMANDS['drill'] = 'none:none'\nsys.exit(pindrill.cli.main())"
    done = without_extras("drill", "--help", program=program)
    assert done.returncode == 3
    assert done.stderr == "pindrill: a part of it cannot be loaded: No module named 'pindrill.cli.none'\n"


def test_the_metadata_are_those_of_the_project() -> None:
    for extra in ("audit", "pins"):
        assert requirements(extra) == PROJECT["optional-dependencies"][extra]
    assert set(requirements("station")) > set(requirements("audit"))
    assert set(requirements("all")) == {each for extra in ("audit", "pins", "station") for each in requirements(extra)}
    assert requirements("none") == []
    assert requires("pindrill")


def test_whatever_is_imported_is_declared() -> None:
    """pytest loads its plugin itself, anyio comes with what needs it, mitmproxy has an interpreter of its own."""
    base = {name_of(each) for each in PROJECT["dependencies"]}
    elsewhere = {"pindrill", "pytest", "anyio"}
    for dotted, path in MODULES.items():
        if dotted.startswith(("pindrill.mitm.inside", "pindrill.mitm.addon")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            for name in {each.partition(".")[0] for each in names} - set(sys.stdlib_module_names) - elsewhere:
                if (extra := EXTRA_OF.get(name)) is None:
                    assert name.replace("_", "-") in base, f"{dotted} imports {name}: declare it in pyproject.toml"
                else:
                    wanted = DISTRIBUTION.get(name, name)
                    declared = {name_of(each) for each in PROJECT["optional-dependencies"][extra]}
                    assert wanted in declared, f"{dotted} imports {name}"

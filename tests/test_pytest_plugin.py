"""The pytest plugin as users have it: real client libraries, workers, and pytest's own options."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from support.plugin_clients import CORRECT, UNPINNED
from support.plugin_project import ONE_CELL, apart, inside, project

pytest_plugins = ["pytester"]
__all__ = ["project"]

SCHEMA = json.loads((Path(__file__).parents[1] / "reports" / "schemas" / "result.schema.json").read_text())
SOME_CELLS = ONE_CELL.replace('"IN5", tls="1.3"', '["IN5", "RO1", "BL6"]').replace(
    "fetch(target)", "fetch(target, check=lambda *_: target.tls is None)"
)


def test_each_file_is_under_15_lines() -> None:
    assert all(len(text.strip().splitlines()) < 15 for text in CORRECT.values())


def test_correct_clients_of_four_kinds_pass_in_two_workers(project: pytest.Pytester) -> None:
    project.makepyfile(**{name.removesuffix(".py"): text for name, text in CORRECT.items()})
    result = apart(project, "-n", "2", "--junit-xml", "junit.xml", "--pindrill-json", "out/results.jsonl")
    result.assert_outcomes(passed=22)
    result.stdout.fnmatch_lines(["pindrill: 22 cells: 22 pass"])
    lines = [json.loads(line) for line in Path("out/results.jsonl").read_text().splitlines()]
    assert len(lines) == 22
    for line in lines:
        jsonschema.validate(line, SCHEMA)
    assert {line["client"] for line in lines} == {f"{name}::{name.removesuffix('.py')}" for name in CORRECT}
    assert properties_of(Path("junit.xml"))["pindrill_verdict"] == {"pass"}


def test_the_same_clients_without_pins_fail_with_evidence(project: pytest.Pytester) -> None:
    project.makepyfile(**{name.removesuffix(".py"): text for name, text in UNPINNED.items()})
    result = apart(project, "-n", "2", "-k", "IN5 or IN4", "--junit-xml", "junit.xml")
    result.assert_outcomes(failed=10)
    for name in ("requests", "httpx", "aiohttp", "curl"):
        result.stdout.fnmatch_lines([f"FAILED test_{name}.py::test_{name}[[]IN*-tls1.?*] - Violated: fail-open: IN*"])
    result.stdout.fnmatch_lines(["*Seen*readable bytes, the request secret among it*", "*Repeat pytest 'test_*"])
    assert properties_of(Path("junit.xml"))["pindrill_verdict"] == {"fail-open"}


def properties_of(junit: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for element in ElementTree.parse(junit).iter("property"):
        found.setdefault(element.attrib["name"], set()).add(element.attrib["value"])
    return found


# --- pytest's own options --------------------------------------------------------------------------------------


def test_the_ids_can_be_read_and_chosen(project: pytest.Pytester) -> None:
    project.makepyfile(SOME_CELLS)
    result = inside(project, "--collect-only", "-q", "-k", "IN5 and tls1.3 or same-key and leaf-spki-tls1.2")
    assert [line.partition("::")[2] for line in result.outlines if "::" in line] == [
        "test_client[IN5-genuine-leaf-appended-leaf-spki-tls1.3]",
        "test_client[RO1-same-key-same-issuer-leaf-spki-tls1.2]",
    ]


def test_stop_at_the_first_failure_and_run_the_last_failed(project: pytest.Pytester) -> None:
    project.makepyfile(SOME_CELLS.replace("is None", "is not None"))  # no pin is checked
    inside(project, "-x").assert_outcomes(failed=1)
    inside(project, "--lf").assert_outcomes(failed=1)
    inside(project).assert_outcomes(failed=4, passed=2)
    inside(project, "--lf").assert_outcomes(failed=4)


def test_a_client_that_accepts_nothing_does_not_fail_closed(project: pytest.Pytester) -> None:
    project.makepyfile(SOME_CELLS)
    result = inside(project, "-k", "IN5")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["not judged, so not a pass: inconclusive: IN5 *genuine*"])


def test_the_mark_stands_on_classes_and_modules_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from client import fetch

        @pytest.mark.pindrill(scenarios="RO6", tls="1.2")
        class TestClient:
            def setup_method(self):
                self.fetch = fetch

            @pytest.mark.parametrize("spaces", [0, 1])
            def test_it(self, spaces, target, tmp_path):
                assert tmp_path.is_dir()
                return self.fetch(target) + " " * spaces
        """
    )
    inside(project, "-v").assert_outcomes(passed=2)


def test_the_default_set_is_an_ini_key(project: pytest.Pytester) -> None:
    project.makepyfile(ONE_CELL.replace('scenarios="IN5", ', ""))
    everything = inside(project, "--collect-only", "-q").outlines
    project.makeini("[pytest]\npindrill_set = core")
    core = inside(project, "--collect-only", "-q").outlines
    assert 10 < len(core) < len(everything)
    assert inside(project, "--collect-only", "-q", "--pindrill-set", "all").outlines[:-1] == everything[:-1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--pindrill-set", "some"), "*--pindrill-set (ini: pindrill_set) is all or core, not 'some'*"),
        (("--pindrill-deadline", "-1"), "*--pindrill-deadline (ini: pindrill_deadline) is a number*above 0, not '-1'*"),
        (("--pindrill-json", "/proc/none/x"), "*--pindrill-json /proc/none/x: cannot be written*"),
    ],
)
def test_a_bad_option_is_a_usage_error(project: pytest.Pytester, option: tuple[str, ...], message: str) -> None:
    project.makepyfile(ONE_CELL)
    result = inside(project, *option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('scenarios="IN99"', "*test_client: no scenario is called 'IN99'*"),
        ('strategies="leaf"', "*no strategy is called 'leaf'; there are: leaf-cert*"),
        ("tls=1.3", "*a name or a list of at least one was expected, not 1.3"),
        ('tls="1.1"', "*tls is '1.2', '1.3' or a list of them, not '1.1'"),
        ('scenario="IN5"', "*the mark pindrill takes scenarios, *, not 'scenario'"),
        ('"IN5"', "*the mark pindrill takes its arguments by name*"),
        ("scenarios=[]", "*a name or a list of at least one was expected, not *"),
        ('pinned="leaf"', "*pinned is none or a strategy*"),
        ('pinned="leaf-spki", strategies="leaf-spki"', "*give either strategies *or pinned*"),
    ],
)
def test_a_bad_mark_is_told_at_collection(project: pytest.Pytester, written: str, message: str) -> None:
    project.makepyfile(ONE_CELL.replace('scenarios="IN5", tls="1.3", strategies="leaf-spki"', written))
    result = inside(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marked_test_needs_its_target(project: pytest.Pytester) -> None:
    project.makepyfile(ONE_CELL.replace("test_client(target)", "test_client()"))
    result = inside(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*a test with the mark pindrill is a client; give it a parameter `target`"])


def test_a_method_of_a_test_case_cannot_have_the_mark(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest, unittest

        class TestClient(unittest.TestCase):
            @pytest.mark.pindrill(scenarios="IN5")
            def test_it(self):
                pass
        """
    )
    result = inside(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cannot make a test per cell of it; call assert_fails_closed(client)*"])


def test_a_run_without_pindrill_loads_nothing_of_it(project: pytest.Pytester) -> None:
    project.makepyfile("import sys\n\ndef test_it():\n    assert 'pindrill.drills' not in sys.modules")
    apart(project).assert_outcomes(passed=1)


PAGE = (Path(__file__).parents[1] / "docs" / "pytest.md").read_text()


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_an_example_of_the_page_passes(project: pytest.Pytester, example: str) -> None:
    project.makepyfile(example)
    result = apart(project)
    assert set(result.parseoutcomes()) == {"passed"}


def test_ini_keys_of_pytest_start_from_their_file(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\npindrill_json = out/cells.jsonl\npindrill_keyring = none\n")
    below = project.mkdir("below")
    (below / "test_it.py").write_text("def test_it(pindrill_server): pass\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(below)
        result = inside(project, str(below))
        assert (project.path / "out" / "cells.jsonl").exists()
        result.stdout.fnmatch_lines([f"*{project.path}/none*"])
        inside(project, str(below), "--pindrill-json", "here.jsonl")
    assert (below / "here.jsonl").exists()

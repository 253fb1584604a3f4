"""Result files: appended as cells finish, resumed, turned into JUnit; and what a client may write into them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.cli import CURL, PROGRAM, UNPINNED_CURL, Pindrill, read_lines

TLS13 = ("--tls", "1.3")


def counting(pindrill: Pindrill) -> tuple[tuple[str, ...], Path]:
    """A client that is curl, and a file with a line for each of its attempts."""
    count = pindrill.directory / "count"
    count.touch()
    script = f'#!/bin/sh\necho x >> {count}\nexec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n'
    return (pindrill.script("app", script), "{ca_file}", "{pins_curl}", "{url}"), count


def test_resuming_runs_only_the_rest(pindrill: Pindrill) -> None:
    client, count = counting(pindrill)
    pindrill.drill(client, *TLS13, "--resume", only=("BL1", "IN1"))
    first = pindrill.json.read_text()
    count.write_text("")
    ran = pindrill.drill(client, *TLS13, "--resume", only=("BL1", "IN1", "BL8"))
    assert ran.code == 0
    assert pindrill.json.read_text().startswith(first)
    assert [line["code"] for line in ran.results][2:] == ["BL8"]
    assert "3 cells: 3 pass" in ran.out
    # The strategy's probe, which is the genuine twin as well, and BL8, whose pin twin it is.
    assert len(count.read_text().split()) == 2
    again = pindrill.drill(client, *TLS13, "--resume", only=("BL1", "IN1", "BL8"))
    assert (again.code, again.results) == (0, ran.results)


def test_a_run_that_was_cut_short_is_resumed_from_its_whole_lines(pindrill: Pindrill) -> None:
    pindrill.drill(CURL, *TLS13, only=("BL1", "BL6"))
    [one, two] = pindrill.json.read_text().splitlines(keepends=True)
    pindrill.json.write_text(one + two[: len(two) // 2])
    ran = pindrill.drill(CURL, *TLS13, "--resume", only=("BL1", "BL6"))
    assert ran.code == 0
    assert {line["code"] for line in ran.results} == {"BL1", "BL6"}
    assert pindrill.json.read_text().startswith(one)


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        "17",
        "{}",
        '{"version": 2}',
        '{"version": 1}',
    ],
)
def test_a_malformed_line_is_named_and_the_file_left_alone(pindrill: Pindrill, line: str) -> None:
    text = f"{line}\n{line}\n"
    pindrill.json.write_text(text)
    ran_code, err = 0, ""
    done = pindrill.start(*pindrill.drill_arguments(CURL, *TLS13, "--resume", only=("BL1",)))
    _, err = done.communicate(timeout=240)
    ran_code = done.returncode
    assert ran_code == 2
    assert f"{pindrill.json}:1: " in err
    assert "Traceback" not in err
    assert pindrill.json.read_text() == text


@pytest.mark.parametrize(
    ("client", "options", "words"),
    [
        (("curl", "-sSk", "-H", "X: {pins_curl}", "{url}"), (), "was run by\n"),
        (CURL, ("--deadline", "11"), "was run by\n"),
        (CURL, ("--semantics", "position=leaf"), "was run by\n"),
    ],
)
def test_the_verdicts_of_another_client_are_not_taken_over(
    pindrill: Pindrill, client: tuple[str, ...], options: tuple[str, ...], words: str
) -> None:
    before = pindrill.drill(CURL, *TLS13, only=("BL6",)).results
    ran = pindrill.drill(client, *TLS13, *options, "--resume", only=("BL6", "BL1"))
    assert (ran.code, ran.results) == (2, before)
    assert f"BL6 of curl {words}" in ran.err
    assert "name another --json file" in ran.err


def test_nor_those_of_another_version(pindrill: Pindrill) -> None:
    file = pindrill.directory / "client.toml"
    text = 'name = "app"\ndriver = "command"\ncommand = ["curl", "-sSk", "{url}"]\nversion = ["echo", "app 1"]\n'
    file.write_text(text)
    arguments = ("drill", *TLS13, "--only", "BL1", "--json", str(pindrill.json), "--client", "client.toml", "--resume")
    assert pindrill.run(*arguments).code == 0
    assert pindrill.run(*arguments).code == 0
    file.write_text(text.replace("app 1", "app 2"))
    ran = pindrill.run(*arguments)
    assert ran.code == 2
    assert "was run on the version\npindrill:   app 1\npindrill: and not on the version\npindrill:   app 2" in ran.err


def test_nor_those_with_the_pins_of_another_keyring(pindrill: Pindrill) -> None:
    options = (*TLS13, "--keyring", "kept", "--pinned", "leaf-spki", "--resume")
    for code in (0, 2):
        shutil.rmtree(pindrill.directory / "kept", ignore_errors=True)
        assert pindrill.call("keyring", "create", "kept").code == 0
        ran = pindrill.drill(UNPINNED_CURL, *options, only=("BL1",))
        assert ran.code == code
    assert "was run with the pins" in ran.err


def test_an_empty_line_is_no_damage_and_a_damaged_one_says_what_to_do(pindrill: Pindrill) -> None:
    pindrill.drill(CURL, *TLS13, only=("BL1", "BL6"))
    whole = pindrill.json.read_text()
    pindrill.json.write_text(whole.replace("\n", "\n\n"))
    assert pindrill.drill(CURL, *TLS13, "--resume", only=("BL1", "BL6")).code == 0
    pindrill.json.write_text("{\n" + whole)
    done = pindrill.start(*pindrill.drill_arguments(CURL, *TLS13, "--resume", only=("BL1",)))
    _, err = done.communicate(timeout=240)
    assert done.returncode == 2
    assert "results.jsonl:1: this line is no result" in err
    assert "delete this line, and its cell is run again" in err


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_full_disk_takes_no_report_away(pindrill: Pindrill, option: str) -> None:
    ran = pindrill.run("drill", *TLS13, "--only", "BL1", option, "/dev/full", "--", *CURL)
    assert ran.code == 3
    assert "1 cells: 1 pass" in ran.out
    assert "No space left on device" in ran.err
    assert "Traceback" not in ran.err


def test_a_full_disk_under_the_report_takes_no_junit_away(pindrill: Pindrill) -> None:
    arguments = ("drill", *TLS13, "--only", "BL1", "--junit", "junit.xml", "--", *CURL)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(PROGRAM), *arguments], cwd=pindrill.directory, env=pindrill.environment, stdout=full, check=False
        )
    assert done.returncode == 3
    assert 'tests="1"' in (pindrill.directory / "junit.xml").read_text()


def test_without_resuming_a_file_is_begun_anew(pindrill: Pindrill) -> None:
    pindrill.json.write_text("{not json\n")
    done = pindrill.start(*pindrill.drill_arguments(CURL, *TLS13, only=("BL1",)))
    done.communicate(timeout=240)
    assert done.returncode == 0
    assert [line["code"] for line in read_lines(pindrill.json)] == ["BL1"]


def test_a_results_file_that_cannot_be_written_is_said_before_the_drill(pindrill: Pindrill) -> None:
    client, count = counting(pindrill)
    ran = pindrill.run("drill", "--only", "BL1", "--json", str(pindrill.directory), "--", *client)
    assert (ran.code, count.read_text()) == (2, "")
    assert f"{pindrill.directory}: cannot write the results" in ran.err


def test_a_junit_file_that_cannot_be_written_is_a_usage_error(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, *TLS13, "--junit", str(pindrill.directory), only=("BL1",))
    assert ran.code == 2


# --- JUnit ---------------------------------------------------------------------------------------------------


def test_junit_tells_failure_error_and_skipped_apart(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, "--junit", "deep/junit.xml", only=("BL1", "BL6", "IN1", "RO2"))
    root = ElementTree.parse(pindrill.directory / "deep" / "junit.xml").getroot()
    [suite] = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "pindrill.curl")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "7", "failures": "2", "errors": "0", "skipped": "2"}
    assert len(suite) == len(ran.results) == 7
    failed = [case for case in suite if case.find("failure") is not None]
    assert {case.get("name") for case in failed} == {
        f"baseline/trusted-ca-unpinned-key [-, TLS {version}]" for version in ("1.2", "1.3")
    }
    for case in failed:
        assert case.get("classname") == "pindrill.curl.baseline"
        failure = case.find("failure")
        assert failure is not None
        assert failure.get("type") == "fail-open"
        assert "repeat: pindrill drill --only baseline/trusted-ca-unpinned-key" in (failure.text or "")
        evidence = (case.findtext("system-out") or "").splitlines()
        assert {"code: BL6", "expected: refuse"} <= set(evidence)
    assert sum(float(case.get("time") or 0) for case in suite) > 0


def test_what_could_not_be_judged_is_an_error_in_junit(pindrill: Pindrill) -> None:
    ran = pindrill.drill(("false",), *TLS13, "--junit", "junit.xml", only=("BL1", "BL6"))
    [suite] = ElementTree.parse(pindrill.directory / "junit.xml").getroot()
    assert (ran.code, suite.get("errors"), suite.get("failures")) == (3, "2", "0")


# --- what a client writes ------------------------------------------------------------------------------------


def test_a_client_cannot_write_to_the_terminal(pindrill: Pindrill) -> None:
    client = pindrill.script("app", "#!/bin/sh\nprintf 'a\\033]0;owned\\007b\\n' >&2\nexit 1\n")
    ran = pindrill.drill((client, "{url}"), *TLS13, only=("BL6",))
    assert "owned" in ran.out
    assert not set("\x1b\x07") & set(ran.out)


def test_whatever_a_client_writes_the_files_stay_well_formed(pindrill: Pindrill) -> None:
    client = pindrill.script(
        "app", "#!/bin/sh\nprintf '\\000\\001\\377 <]]>&\"[bold] \\303\\251\\n' | tee /dev/stderr\nexit 1\n"
    )
    ran = pindrill.drill((client, "{url}"), *TLS13, "--junit", "junit.xml", only=("BL6",))
    [line] = ran.results
    assert line["verdict"] == "inconclusive"
    assert '<]]>&"[bold] é' in line["reason"]
    assert '<]]>&"[bold] é' in ran.out
    [suite] = ElementTree.parse(pindrill.directory / "junit.xml").getroot()
    [case] = suite
    error = case.find("error")
    assert error is not None
    assert '<]]>&"[bold] é' in (error.get("message") or "")


def test_nothing_private_is_in_the_results(pindrill: Pindrill) -> None:
    pindrill.run("keyring", "create", "kept")
    pindrill.drill(CURL, *TLS13, "--keyring", "kept", "--junit", "junit.xml", only=("BL1", "BL6"))
    written = pindrill.json.read_text() + (pindrill.directory / "junit.xml").read_text()
    keys = [path.read_text() for path in (pindrill.directory / "kept" / "keys").iterdir()]
    assert len(keys) >= 10
    for key in keys:
        assert not [line for line in key.splitlines() if line in written]


def test_the_secret_is_redacted_in_the_request_line(pindrill: Pindrill) -> None:
    client = pindrill.script("app", '#!/bin/sh\nexec curl -sSk "$1?token=mine"\n')
    ran = pindrill.drill((client, "{url}"), *TLS13, only=("BL6",))
    [observation] = ran.results[0]["stages"][0]["runs"][0]["observations"]
    assert observation["request_line"] == "GET /<secret>?<redacted> HTTP/1.1"
    assert "mine" not in json.dumps(ran.results)

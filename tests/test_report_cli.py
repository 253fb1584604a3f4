"""`pindrill report`: from stored runs, real and hostile."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from pindrill.reports.formats import FORMATS
from pindrill.results.line import line_of
from pindrill.results.newest import latest
from pindrill.results.stored import MAX_LINE_BYTES, read_stored
from support.cli import PROGRAM, UNPINNED_CURL, Pindrill
from support.made_results import Result, finding, hostile_line, line, told_finding, told_line, write


def test_every_format_from_a_real_run(pindrill: Pindrill) -> None:
    ran = pindrill.drill(UNPINNED_CURL, "--tls", "1.3", only=("BL1", "BL6", "IN1", "RO2"))
    assert ran.code == 1
    says = {
        "html": "Not safe: 1 of 1 client lets data out",
        "junit": 'failures="1"',
        "sarif": '"2.1.0"',
        "markdown": "## ❌ Not safe: 1 of 1 client lets data out",
        "github": "::error title=curl%3A fail-open::",
        "text": "fail-open  curl: BL6",
    }
    for each in FORMATS:
        made = pindrill.directory / f"made/report.{each}"
        done = pindrill.call("report", str(pindrill.json), "--format", each, "-o", str(made))
        assert (done.code, done.out, done.err) == (0, "", "")
        assert says.get(each, "curl") in made.read_text()
    assert pindrill.call("report", str(pindrill.json)).out == (pindrill.directory / "made/report.text").read_text()


def test_a_later_line_supersedes_and_the_order_is_that_of_the_catalogue(tmp_path: Path) -> None:
    old = write(tmp_path / "old.jsonl", [line("pass"), line("pass", scenario="baseline/trusted-ca-unpinned-key")])
    new = write(tmp_path / "new.jsonl", [line("leaked"), line("pass", tls="1.2")])
    found = [(each.scenario, each.tls, each.verdict) for each in read_stored([old, new])]
    assert found == [
        ("baseline/trusted-ca-unpinned-key", "1.3", "pass"),
        ("interception/untrusted-ca", "1.2", "pass"),
        ("interception/untrusted-ca", "1.3", "leaked"),
    ]
    lines = [line_of(json.loads(each)) for path in (old, new) for each in path.read_text().splitlines()]
    assert list(read_stored([old, new])) == latest(lines)
    assert read_stored([new, old])[2].verdict == "pass"
    assert len(read_stored([old, new])[1:]) == 2


def test_alerts_point_to_the_client_file_or_to_the_one_given(pindrill: Pindrill) -> None:
    results = write(pindrill.directory / "r.jsonl", [line("leaked"), line("leaked", client="b")])
    made = pindrill.call("report", str(results), "-f", "github", "--file", "b=pins.xml").out
    assert [each.partition(",title")[0] for each in made.splitlines()] == [
        "::error file=clients/app.toml",
        "::error file=pins.xml",
    ]
    told = [line("leaked", repeat="pindrill drill --only IN2 -- sh -c '--client x.toml'"), line("leaked", repeat="'")]
    results = write(pindrill.directory / "r.jsonl", told)
    assert "file=" not in pindrill.call("report", str(results), "-f", "github").out


def test_the_step_summary_is_appended_to(pindrill: Pindrill) -> None:
    results = write(pindrill.directory / "r.jsonl", [line("leaked"), finding()])
    summary = pindrill.directory / "summary.md"
    summary.write_text("before\n")
    pindrill.environment["GITHUB_STEP_SUMMARY"] = str(summary)
    ran = pindrill.call("report", str(results), "-f", "github")
    assert ran.out.startswith("::error file=clients/app.toml,")
    assert "::warning file=app/src/main/res/xml/network_security_config.xml,line=12,title=pins/no-backup::" in ran.out
    assert summary.read_text().startswith("before\n## ❌ Not safe")
    pindrill.environment["GITHUB_STEP_SUMMARY"] = str(pindrill.directory)
    assert pindrill.call("report", str(results), "-f", "github").code == 2


@pytest.mark.parametrize("each", ["html", "sarif", "markdown", "github"])
def test_lint_findings_among_the_results(pindrill: Pindrill, each: str) -> None:
    results = write(pindrill.directory / "r.jsonl", [finding(rule="expired"), line("pass")])
    ran = pindrill.call("report", str(results), "-f", each)
    assert ran.code == 0
    assert "expired" in ran.out


@pytest.mark.parametrize("each", ["junit", "text"])
def test_formats_without_a_place_for_findings_say_so(pindrill: Pindrill, each: str) -> None:
    results = write(pindrill.directory / "r.jsonl", [finding(), line("pass")])
    ran = pindrill.call("report", str(results), "-f", each)
    assert (ran.code, ran.out) == (2, "")
    assert "lint findings have no place" in ran.err


def test_hostile_lines_make_every_report(pindrill: Pindrill) -> None:
    results = write(pindrill.directory / "r.jsonl", [hostile_line(), line("pass")])
    for each in FORMATS:
        ran = pindrill.call("report", str(results), "-f", each)
        assert (ran.code, ran.err) == (0, "")
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out or each == "junit"


# --- bad input -------------------------------------------------------------------------------------------------


def broken(**fields: object) -> str:
    return json.dumps({**told_line("pass"), **fields})


def without(key: str) -> str:
    whole: Result = told_line("pass")
    del whole[key]
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{not json", "this line is no JSON"),
        ("17", "this line is no result"),
        ("[" * 100_000, "this line is no JSON"),
        ('{"a":' * 500 + "1" + "}" * 500, "this line is no result"),
        ("\xff\xfe", "this line is no"),
        (broken(version=2), "version: 1 was expected"),
        (broken(verdict="splendid"), 'verdict: "splendid" is not one of'),
        (broken(stages=[{"expected": "refuse"}]), "stages/0: "),
        (broken(client=["x"]), "client: "),
        (broken(round=-1), "round: "),
        (without("stages"), '"stages" is a required property'),
        (json.dumps({**told_finding(), "severity": "fatal"}), "this line is no lint finding: severity: "),
        (json.dumps({**told_finding(), "owasp": "MASWE"}), "this line is no lint finding: owasp: "),
    ],
)
def test_a_line_that_is_no_result_is_named(pindrill: Pindrill, text: str, says: str) -> None:
    results = pindrill.directory / "r.jsonl"
    results.write_text(json.dumps(told_line("pass")) + "\n\n" + text + "\n", encoding="latin-1")
    ran = pindrill.call("report", str(results))
    assert (ran.code, ran.out) == (2, "")
    assert f"{results}:3: " in ran.err
    assert says in ran.err
    assert len(ran.err) < 1000


def test_a_line_too_long_is_not_read_to_its_end(pindrill: Pindrill) -> None:
    results = pindrill.directory / "r.jsonl"
    with results.open("wb") as file:
        file.truncate(100 * MAX_LINE_BYTES)
    ran = pindrill.call("report", str(results))
    assert ran.code == 2
    assert f"{results}:1: a line of more than" in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.jsonl",), "there is no such file"),
        ((".",), "is no regular file"),
        (("/dev/zero",), "is no regular file"),
        (("r.jsonl", "--file", "x"), "--file takes CLIENT=PATH"),
        (("r.jsonl", "-o", "."), "cannot be written"),
        (("r.jsonl", "-f", "pdf"), "pdf"),
    ],
)
def test_bad_usage(pindrill: Pindrill, arguments: tuple[str, ...], says: str) -> None:
    write(pindrill.directory / "r.jsonl", [line("pass")])
    ran = pindrill.call("report", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_html_on_a_terminal_is_refused(pindrill: Pindrill) -> None:
    results = write(pindrill.directory / "r.jsonl", [line("pass")])
    ours, terminal = os.openpty()
    try:
        argv = [str(PROGRAM), "report", str(results), "-f", "html"]
        done = subprocess.run(argv, stdout=terminal, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(ours)
        os.close(terminal)
    assert done.returncode == 2
    assert "-o FILE" in done.stderr

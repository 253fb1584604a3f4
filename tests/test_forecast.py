"""The worked examples of docs/rotation.md: the numbers that follow by hand, and the page that shows them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pindrill.preflight.forecast import ShareRow
from pindrill.preflight.plan import DAY, Version
from pindrill.preflight.reviewed import Reviewed, reviewed
from pindrill.preflight.shares import Shares
from pindrill.reports.forecast_html import render
from support.cli import Pindrill
from support.planned import day
from support.worked_examples import EXAMPLES, lay_out, texts


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("examples")
    return {example: lay_out(example, place) / "plan.toml" for example in EXAMPLES}


def seconds(text: str) -> int:
    return int(day(text).timestamp())


def row_at(found: Reviewed, text: str) -> ShareRow:
    return next(row for row in found.rows if row.at == seconds(text))


def test_renewals_of_the_key_lock_nobody_out(examples: dict[str, Path]) -> None:
    found = reviewed(examples["renewals"])
    assert [step.safe for step in found.steps] == [True, True, True, False]
    # 47 days each; a roll-out of two days must be over before the old one ends.
    assert [step.last_safe for step in found.steps[:3]] == [
        seconds("2027-02-14"),
        seconds("2027-03-17"),
        seconds("2027-04-17"),
    ]
    assert row_at(found, "2027-04-04").hurt == 0


def test_the_backup_key_comes_too_early(examples: dict[str, Path]) -> None:
    found = reviewed(examples["renewals"])
    rekey = found.steps[3]
    # 70 / 4 = 17.5 weeks from 2027-01-01; the certificate of 2027-04-04 ends 47 days later, on 2027-05-21.
    assert (rekey.first_safe, rekey.last_safe) == (seconds("2027-05-04"), seconds("2027-05-18"))
    assert row_at(found, "2027-04-25").partly == pytest.approx(70 - 4 * 114 / 7)
    assert row_at(found, "2027-04-27").locked_out == pytest.approx(70 - 4 * 116 / 7)
    assert row_at(found, "2027-05-04").hurt == 0
    [rolling, after] = found.problems
    assert (rolling.begin, rolling.end, rolling.partly) == (seconds("2027-04-25"), seconds("2027-04-27"), True)
    assert (after.begin, after.end, after.partly) == (seconds("2027-04-27"), seconds("2027-05-04"), False)


def test_another_ca_waits_for_the_version_that_pins_it(examples: dict[str, Path]) -> None:
    found = reviewed(examples["ca-switch"])
    switch, removal = found.steps
    assert not switch.safe
    # 59 points at 5 a week are 82.6 days, so the 83rd; the old certificate ends on 2027-05-02.
    assert (switch.first_safe, switch.last_safe) == (seconds("2027-04-25"), seconds("2027-04-29"))
    assert row_at(found, "2027-04-12").partly == pytest.approx(10)
    assert row_at(found, "2027-04-14").locked_out == pytest.approx(60 - 5 * 72 / 7)
    assert row_at(found, "2027-04-19").locked_out == pytest.approx(5)
    assert row_at(found, "2027-04-26").hurt == 0
    # By then nobody is on the old root any more.
    assert removal.safe
    assert {phase.version for phase in removal.after} == {"2.0"}
    assert switch.sessions_until == seconds("2027-04-15")


def test_an_emergency_costs_those_without_the_backup_at_once(examples: dict[str, Path]) -> None:
    found = reviewed(examples["emergency"])
    hurt = {row.at: row.locked_out for row in found.rows}
    days = ("2027-05-10", "2027-05-17", "2027-05-24", "2027-05-31")
    assert [hurt[seconds(text)] for text in days] == pytest.approx([15, 10, 5, 0])
    [step] = found.steps
    assert step.sessions_until == seconds("2027-05-12")
    assert {phase.version: phase.state.status.value for phase in step.after} == {"2.9": "locked-out", "3.0": "accepts"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_page_shows_what_is_printed(example: str, examples: dict[str, Path], pindrill: Pindrill) -> None:
    pindrill.directory = examples[example].parent
    ran = pindrill.call("plan", "plan.toml")
    assert ran.code == 1
    printed = iter(ran.out.splitlines())
    for line in texts("plan")[example].splitlines():
        assert line in printed, line


# --- shares ----------------------------------------------------------------------------------------------------


def test_a_version_grows_at_the_cost_of_those_above_it_in_proportion() -> None:
    versions = [
        Version(name="1", files=(), share=60),
        Version(name="2", files=(), share=20),
        Version(name="3", files=(), share=10, adoption=8),
    ]
    shares = Shares(versions, 0, 100 * DAY)
    assert shares.at(0) == [60, 20, 10]
    assert shares.at(7 * DAY) == pytest.approx([54, 18, 18])
    assert shares.at(7 * DAY // 2) == pytest.approx([57, 19, 14])
    # Ten weeks, and nobody is left to come.
    assert shares.at(70 * DAY) == pytest.approx([0, 0, 90])
    assert shares.at(100 * DAY) == pytest.approx([0, 0, 90])


def test_adoption_begins_when_it_is_said_to() -> None:
    versions = [
        Version(name="1", files=(), share=100),
        Version(name="2", files=(), share=0, adoption=7, since=10 * DAY),
    ]
    shares = Shares(versions, 0, 40 * DAY)
    assert shares.at(10 * DAY) == [100, 0]
    assert shares.at(11 * DAY) == pytest.approx([99, 1])
    assert 11 * DAY in shares.turning_points()


# --- the page --------------------------------------------------------------------------------------------------


def test_one_page_without_a_network(examples: dict[str, Path], pindrill: Pindrill) -> None:
    pindrill.directory = examples["ca-switch"].parent
    ran = pindrill.call("plan", "plan.toml", "--html", "out.html", "--json", "lines.jsonl")
    page = (pindrill.directory / "out.html").read_text()
    assert ran.code == 1
    assert "default-src 'none'" in page
    assert not re.search(r"<script|(?:src|href)\s*=", page)
    assert "10.00 %" in page
    assert "Safe to begin from 2027-04-25, last safe date <b>2027-04-29</b>" in page
    lines = [json.loads(line) for line in (pindrill.directory / "lines.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} == {"plan", "step", "problem", "forecast"}
    assert render(lines) == page


def test_names_out_of_a_plan_are_text_and_nothing_else(examples: dict[str, Path]) -> None:
    lines: list[dict[str, Any]] = reviewed(examples["ca-switch"]).to_json()
    hostile = "</style><script>alert(1)</script>\x1b[2J\u202e"
    for line in lines:
        for key in ("name", "version", "reason", "chain", "limit", "plan"):
            if key in line:
                line[key] = hostile
    page = render(lines)
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page

"""What counts as worse, mended or no longer known between two runs."""

from __future__ import annotations

import pytest
from pindrill.reports.compare import MOST_TOLD, Change, compare, render
from pindrill.results.line import ResultLine
from support.cli import Pindrill
from support.made_results import hostile_line, known, line, write

KNOWN_LEAK = line("leaked", known=known())


@pytest.mark.parametrize(
    ("before", "after", "change", "code"),
    [
        ("pass", "fail-open", Change.WORSE, 1),
        ("pass", "outage", Change.WORSE, 1),
        ("outage", "leaked", Change.WORSE, 1),
        ("leaked", "fail-open", Change.WORSE, 1),
        ("inconclusive", "leaked", Change.WORSE, 1),
        ("unsupported", "false-success", Change.WORSE, 1),
        ("fail-open", "leaked", Change.OTHER, 0),
        ("pass", "inconclusive", Change.UNKNOWN, 3),
        ("fail-open", "error", Change.UNKNOWN, 3),
        ("pass", "unsupported", Change.UNKNOWN, 3),
        ("reported", "inconclusive", Change.UNKNOWN, 3),
        ("fail-open", "pass", Change.MENDED, 0),
        ("outage", "reported", Change.MENDED, 0),
        ("inconclusive", "pass", Change.OTHER, 0),
        ("pass", "reported", Change.OTHER, 0),
        ("error", "inconclusive", Change.OTHER, 0),
    ],
)
def test_a_change_of_words(before: str, after: str, change: Change, code: int) -> None:
    found = compare([line(before)], [line(after)])
    [difference] = found.differences
    assert (difference.change, difference.before, difference.after) == (change, before, after)
    assert (found.same, found.exit_code) == (0, code)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (KNOWN_LEAK, line("leaked"), Change.WORSE),
        (line("leaked"), KNOWN_LEAK, Change.OTHER),
        (line("pass"), KNOWN_LEAK, Change.OTHER),
        (KNOWN_LEAK, line("pass"), Change.OTHER),
        (line("pass"), line("inconclusive", known=known()), Change.OTHER),
        (line("pass", attribution="pin"), line("pass", attribution="other"), Change.OTHER),
    ],
)
def test_known_deviations_and_attributions(before: ResultLine, after: ResultLine, change: Change) -> None:
    assert [each.change for each in compare([before], [after]).differences] == [change]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([], [line("leaked")], Change.WORSE),
        ([], [line("pass")], Change.OTHER),
        ([], [KNOWN_LEAK], Change.OTHER),
        ([line("pass")], [], Change.UNKNOWN),
        ([line("leaked")], [], Change.UNKNOWN),
        ([line("inconclusive")], [], Change.OTHER),
    ],
)
def test_cells_of_only_one_run(before: list[ResultLine], after: list[ResultLine], change: Change) -> None:
    assert [each.change for each in compare(before, after).differences] == [change]


def test_the_worst_round_counts_and_versions_are_apart() -> None:
    before = [line("pass", tls="1.2"), line("pass", tls="1.3")]
    after = [line("pass", tls="1.2"), line("pass", tls="1.3"), line("leaked", tls="1.3", round=1)]
    found = compare(before, after)
    assert [(each.tls, each.after) for each in found.differences] == [("1.3", "leaked")]
    assert found.same == 1
    assert compare(after, after).differences == ()


def test_a_known_deviation_does_not_hide_a_violation_of_another_round() -> None:
    after = [line("fail-open", known=known()), line("outage", round=1)]
    assert [each.after for each in compare([line("pass")], after).differences] == ["outage"]


def test_the_text_says_what_where_and_how_to_see_it(pindrill: Pindrill) -> None:
    before = write(pindrill.directory / "before.jsonl", [line("pass"), line("outage", client="b")])
    after = write(pindrill.directory / "after.jsonl", [line("fail-open"), line("pass", client="b")])
    ran = pindrill.call("compare", str(before), str(after))
    assert ran.code == 1
    assert (
        "worse: 1 cell\n  client app: IN2 interception/untrusted-ca, leaf-spki, TLS 1.3: pass -> fail-open\n" in ran.out
    )
    assert "repeat: pindrill drill --only interception/untrusted-ca" in ran.out
    assert "mended: 1 cell\n  client b: IN2" in ran.out
    assert ran.out.endswith("0 cells unchanged, 2 changed\n")
    assert pindrill.call("compare", str(before), str(before)).code == 0


def test_a_long_list_is_counted_and_hostile_text_is_tamed() -> None:
    many = [line("leaked", client=f"c{number}") for number in range(MOST_TOLD + 7)]
    assert "and 7 more cells" in render(compare([], many))
    text = render(compare([], [hostile_line()]))
    assert "\x1b" not in text
    assert "\u202e" not in text

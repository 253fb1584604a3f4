"""What changed between two audits."""

from __future__ import annotations

import pytest
from pindrill.audits.compare import AuditChange, compare
from pindrill.audits.words import FAILURES, UNDECIDED, AuditWord
from support.audit_lines import line

COOKIE = [{"kind": "cookie", "name": "session", "length": 9}]


@pytest.mark.parametrize(
    ("before", "after", "change", "sentence"),
    [
        ("pinned", "pinned", AuditChange.SAME, "still pinned"),
        ("pinned", "intercepted", AuditChange.WORSE, "was pinned, is intercepted"),
        ("intercepted", "pinned", AuditChange.BETTER, "was intercepted, is pinned"),
        ("intercepted", "no-validation", AuditChange.WORSE, "is no-validation"),
        ("no-validation", "leaked", AuditChange.BETTER, "is leaked"),
        (
            "pinned",
            "inconclusive",
            AuditChange.UNCLEAR,
            "nothing can be said about a change: because it is inconclusive",
        ),
        ("ca-untrusted", "pinned", AuditChange.UNCLEAR, "because it is ca-untrusted"),
        ("inconclusive", "no-validation", AuditChange.UNCLEAR, "was inconclusive"),
        ("not-contacted", "intercepted", AuditChange.NEW, "contacted for the first time: intercepted"),
        (None, "pinned", AuditChange.NEW, "contacted for the first time: pinned"),
        ("pinned", None, AuditChange.GONE, "no longer contacted; it was pinned"),
        ("pinned", "not-contacted", AuditChange.GONE, "no longer contacted"),
        ("not-contacted", None, AuditChange.SAME, "not contacted"),
        (None, "not-contacted", AuditChange.SAME, "not contacted"),
    ],
)
def test_changes(before: str | None, after: str | None, change: AuditChange, sentence: str) -> None:
    (found,) = compare([line(verdict=before)] if before else [], [line(verdict=after)] if after else [])
    assert found.change is change
    assert sentence in found.sentence


def test_more_that_can_be_read_is_told() -> None:
    (found,) = compare([line(verdict="intercepted")], [line(verdict="intercepted", readable=COOKIE)])
    assert found.change is AuditChange.READABLE
    assert found.newly_readable == ("cookie session",)
    assert found.sentence == "still intercepted; newly readable: cookie session"
    (found,) = compare([line(verdict="intercepted", readable=COOKIE)], [line(verdict="intercepted")])
    assert found.change is AuditChange.SAME


def test_the_most_alarming_comes_first() -> None:
    before = [line("same:1"), line("worse:1"), line("better:1", "mixed"), line("gone:1")]
    after = [line("same:1"), line("worse:1", "leaked"), line("better:1"), line("new:1")]
    order = [each.change for each in compare(before, after)]
    assert order == [AuditChange.WORSE, AuditChange.BETTER, AuditChange.NEW, AuditChange.GONE, AuditChange.SAME]


def test_a_later_line_of_a_destination_counts() -> None:
    (found,) = compare([line(verdict="mixed"), line()], [line()])
    assert found.change is AuditChange.SAME


@pytest.mark.parametrize("word", AuditWord)
def test_every_word_has_a_rank_or_none(word: AuditWord) -> None:
    (found,) = compare([line(verdict="leaked")], [line(verdict=word)])
    if word is AuditWord.LEAKED:
        assert found.change is AuditChange.SAME
    elif word in UNDECIDED:
        assert found.change in (AuditChange.UNCLEAR, AuditChange.GONE)
    else:
        assert found.change in (AuditChange.WORSE, AuditChange.BETTER)
        assert word in FAILURES or found.change is AuditChange.BETTER

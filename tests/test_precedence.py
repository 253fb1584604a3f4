"""Several findings become one: the stages of a cell, and the repeated runs of it (T16)."""

from __future__ import annotations

from itertools import combinations

import pytest
from pindrill.judge import Attribution, Control, Finding, agree, control_of, fold
from pindrill.model import LEAKS, PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord

V = VerdictWord


def found(
    verdict: VerdictWord, reason: str = "", attribution: Attribution = "unknown", repeat: bool = False
) -> Finding:
    text = reason or verdict.value
    return Finding(verdict=verdict, reason=text, attribution=attribution, needs_repeat=repeat)


def test_the_order_is_that_of_the_rule() -> None:
    assert PRECEDENCE == (
        V.FAIL_OPEN,
        V.EARLY_DATA_LEAK,
        V.CLIENT_AUTH_LEAK,
        V.DOWNGRADE,
        V.LEAKED,
        V.ERROR,
        V.INCONCLUSIVE,
        V.FALSE_SUCCESS,
        V.OUTAGE,
        V.OUTAGE_DEFERRED,
        V.UNSUPPORTED,
        V.REPORTED,
        V.PASS,
    )


def test_every_verdict_is_a_violation_unjudged_or_fine() -> None:
    assert LEAKS < VIOLATIONS
    assert not VIOLATIONS & UNJUDGED
    assert set(V) - VIOLATIONS - UNJUDGED == {V.UNSUPPORTED, V.REPORTED, V.PASS}


@pytest.mark.parametrize(("first", "second"), list(combinations(PRECEDENCE, 2)))
def test_the_first_of_the_order_counts_whatever_stage_it_is(first: VerdictWord, second: VerdictWord) -> None:
    assert fold([found(first), found(second)]).verdict is first
    assert fold([found(second), found(first)]).verdict is first


def test_a_fold_of_passes_tells_each_reason_once() -> None:
    folded = fold([found(V.PASS, "accepted"), found(V.PASS, "failed closed"), found(V.PASS, "accepted")])
    assert folded.reason == "accepted; failed closed"


@pytest.mark.parametrize(
    ("attributions", "expected"),
    [
        (("unknown", "pin"), "pin"),
        (("pin", "other"), "other"),
        (("unknown", "unknown"), "unknown"),
        (("other", "unknown"), "other"),
    ],
)
def test_a_fold_of_passes_is_the_pins_doing_only_if_nothing_else_is_known(
    attributions: tuple[Attribution, Attribution], expected: str
) -> None:
    assert fold([found(V.PASS, attribution=each) for each in attributions]).attribution == expected


@pytest.mark.parametrize("verdict", V)
def test_a_fold_is_repeated_if_any_stage_must_be_whichever_is_the_worst(verdict: VerdictWord) -> None:
    assert fold([found(V.PASS, repeat=True), found(verdict)]).needs_repeat
    assert fold([found(verdict), found(V.OUTAGE, repeat=True)]).needs_repeat
    assert not fold([found(V.PASS), found(verdict)]).needs_repeat


def test_runs_that_agree_keep_their_finding() -> None:
    assert agree([found(V.PASS, "one"), found(V.PASS, "two")]) == found(V.PASS, "one")
    assert agree([found(V.OUTAGE)]).verdict is V.OUTAGE


def test_runs_that_disagree_are_inconclusive_and_shown() -> None:
    finding = agree([found(V.PASS, "failed closed"), found(V.OUTAGE, "refused")])
    assert finding.verdict is V.INCONCLUSIVE
    assert "run 1: pass (failed closed); run 2: outage (refused)" in finding.reason


@pytest.mark.parametrize("leak", sorted(LEAKS))
def test_a_leak_in_any_run_counts(leak: VerdictWord) -> None:
    assert agree([found(V.PASS), found(leak)]).verdict is leak
    assert agree([found(leak), found(V.INCONCLUSIVE)]).verdict is leak


def test_the_worst_of_several_leaks_counts() -> None:
    assert agree([found(V.LEAKED), found(V.FAIL_OPEN), found(V.PASS)]).verdict is V.FAIL_OPEN


@pytest.mark.parametrize("verdict", V)
def test_a_twin_is_accepted_or_refused_only_by_a_clear_verdict(verdict: VerdictWord) -> None:
    expected = {V.PASS: Control.ACCEPTED, V.OUTAGE: Control.REFUSED}.get(verdict, Control.INCONCLUSIVE)
    assert control_of(found(verdict)) is expected

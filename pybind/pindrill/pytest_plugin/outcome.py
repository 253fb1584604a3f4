"""From result lines to the outcome of a test, with the evidence in its message."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pindrill.drills.result import evidence
from pindrill.model import PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.plain import harmless
from pindrill.results.line import ResultLine


class Violated(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """The client did what it must not do, or did not do what it must."""

    __module__ = "builtins"  # as pytest's own: its summary has little room


class NotJudged(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """Nothing can be said about the client: no pass, and no accusation either."""

    __module__ = "builtins"


def raise_for_cell(line: ResultLine) -> None:
    """A passing cell, or one that is only reported, returns."""
    if line.verdict is VerdictWord.UNSUPPORTED:
        pytest.skip(f"unsupported: {line.reason}")
    _raise_unless_fine([line])


def raise_unless_closed(lines: Sequence[ResultLine]) -> None:
    _raise_unless_fine(lines)
    if not _passed(lines, "refuse", "config-error-or-refuse"):
        raise NotJudged(_nothing("no cell was judged that the client must refuse", lines), pytrace=False)


def raise_unless_survived(lines: Sequence[ResultLine]) -> None:
    _raise_unless_fine(lines)
    if not _passed(lines, "accept"):
        raise NotJudged(
            _nothing("no cell was judged that the client must accept to the end: there was nothing to survive", lines),
            pytrace=False,
        )


def _raise_unless_fine(lines: Sequence[ResultLine]) -> None:
    if wrong := [line for line in lines if line.verdict in VIOLATIONS]:
        raise Violated(_evidence(wrong, lines), pytrace=False)
    if unjudged := [line for line in lines if line.verdict in UNJUDGED]:
        raise NotJudged(_evidence(unjudged, lines, "not judged, so not a pass: "), pytrace=False)


def _passed(lines: Sequence[ResultLine], *expected: str) -> bool:
    return any(line.verdict is VerdictWord.PASS and line.expected in expected for line in lines)


def _evidence(telling: Sequence[ResultLine], lines: Sequence[ResultLine], prefix: str = "") -> str:
    worst = min(telling, key=lambda line: PRECEDENCE.index(line.verdict))
    of = f" ({len(telling)} of {len(lines)} cells)" if len(lines) > 1 else ""
    first = f"{prefix}{worst.verdict}: {worst.code} {worst.scenario}: {worst.reason}{of}"
    return f"{harmless(first)}\n\n{evidence(telling)}"


def _nothing(what: str, lines: Sequence[ResultLine]) -> str:
    told = "\n".join(
        harmless(
            f"  {line.code} {line.scenario}, TLS {line.tls}: {line.verdict}, a correct client would "
            f"{line.expected}: {line.reason}"
        )
        for line in lines
    )
    return f"not judged, so not a pass: {what}\n{told or '  no cell at all'}"

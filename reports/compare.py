"""What changed between two runs: what got worse, what was mended, what is no longer known. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pindrill.model import PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.plain import counted, harmless
from pindrill.results.line import ResultLine

ComparedCell = tuple[str, str, str, str]

MOST_TOLD = 50


class Change(StrEnum):
    WORSE = "worse"
    """A violation that is new, or worse than before, and not listed as known."""
    UNKNOWN = "no longer known"
    """Was judged, and is not any more; not run counts as well."""
    MENDED = "mended"
    OTHER = "changed"


@dataclass(frozen=True, kw_only=True)
class Difference:
    change: Change
    client: str
    scenario: str
    code: str
    strategy: str
    tls: str
    before: str
    """The verdict; `-`: there was no such cell."""
    after: str
    reason: str
    repeat: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    same: int
    differences: tuple[Difference, ...]

    def of(self, change: Change) -> list[Difference]:
        return [each for each in self.differences if each.change is change]

    @property
    def exit_code(self) -> int:
        if self.of(Change.WORSE):
            return 1
        return 3 if self.of(Change.UNKNOWN) else 0


@dataclass(frozen=True)
class _Cell:
    """The worst of all rounds."""

    word: VerdictWord
    known: bool
    attribution: str
    code: str
    reason: str
    repeat: str

    @property
    def violates(self) -> bool:
        return self.word in VIOLATIONS and not self.known

    @property
    def is_judged(self) -> bool:
        return self.word not in UNJUDGED and self.word is not VerdictWord.UNSUPPORTED

    @property
    def shown(self) -> str:
        return f"{self.word} (known)" if self.known else str(self.word)


def compare(before: Iterable[ResultLine], after: Iterable[ResultLine]) -> Comparison:
    old, new = _cells(before), _cells(after)
    differences = []
    same = 0
    for key in dict.fromkeys((*old, *new)):
        one, two = old.get(key), new.get(key)
        change = _change(one, two)
        if change is None:
            same += 1
            continue
        told = two or one
        assert told
        client, scenario, strategy, tls = key
        differences.append(
            Difference(
                change=change,
                client=client,
                scenario=scenario,
                code=told.code,
                strategy=strategy,
                tls=tls,
                before=one.shown if one else "-",
                after=two.shown if two else "-",
                reason=two.reason if two else "the later run has no such cell",
                repeat=told.repeat,
            )
        )
    return Comparison(same=same, differences=tuple(differences))


def _cells(lines: Iterable[ResultLine]) -> dict[ComparedCell, _Cell]:
    cells: dict[ComparedCell, _Cell] = {}
    for line in lines:
        key = harmless(line.client), line.scenario, line.strategy, line.tls
        texts = [harmless(text) for text in (line.attribution, line.code, line.reason, line.repeat)]
        cell = _Cell(line.verdict, bool(line.known), *texts)
        if key not in cells or _rank(cell) < _rank(cells[key]):
            cells[key] = cell
    return cells


def _rank(cell: _Cell) -> tuple[bool, int]:
    """The worst first: a violation that is not known, then by precedence."""
    return not cell.violates, PRECEDENCE.index(cell.word)


def _change(one: _Cell | None, two: _Cell | None) -> Change | None:
    if two is None:
        assert one
        return Change.UNKNOWN if one.is_judged else Change.OTHER
    if one is None:
        return Change.WORSE if two.violates else Change.OTHER
    if (one.word, one.known, one.attribution) == (two.word, two.known, two.attribution):
        return None
    if two.violates:
        return Change.WORSE if _rank(two) < _rank(one) else Change.OTHER
    if one.is_judged and not two.is_judged and not two.known:
        return Change.UNKNOWN
    if one.violates and two.is_judged and not two.known:
        return Change.MENDED
    return Change.OTHER


def render(comparison: Comparison) -> str:
    """For a terminal."""
    parts = []
    for change in Change:
        found = comparison.of(change)
        if found:
            parts.append(f"{change}: {counted(len(found), 'cell')}")
            parts += [_told(each) for each in found[:MOST_TOLD]]
            if len(found) > MOST_TOLD:
                parts.append(f"  and {counted(len(found) - MOST_TOLD, 'more cell')}")
    parts.append(f"{counted(comparison.same, 'cell')} unchanged, {len(comparison.differences):,} changed")
    return "\n".join(parts) + "\n"


def _told(each: Difference) -> str:
    strategy = f", {each.strategy}" if each.strategy != "-" else ""
    head = (
        f"  client {each.client}: {each.code} {each.scenario}{strategy}, TLS {each.tls}: {each.before} -> {each.after}"
    )
    if each.change in (Change.WORSE, Change.UNKNOWN):
        return f"{head}\n      because: {each.reason}\n      repeat: {each.repeat}"
    return head

"""Two audits of an app: what changed between its versions. Pure; takes the result lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pindrill.audits.facts import ReadableKind
from pindrill.audits.words import FAILURES, AuditWord
from pindrill.model import UsageError
from pindrill.results.audit_line import AuditLine


class AuditChange(StrEnum):
    WORSE = "worse"
    BETTER = "better"
    UNCLEAR = "unclear"
    """One of the two could not be judged, so nothing can be said about a change."""
    NEW = "new"
    GONE = "gone"
    READABLE = "readable"
    """The same word, but more of what is said can be read."""
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class AuditDifference:
    destination: str
    change: AuditChange
    before: AuditWord | None
    after: AuditWord | None
    sentence: str
    newly_readable: tuple[str, ...] = ()
    """Kind and name."""


def of_one_app(
    before: Iterable[AuditLine], after: Iterable[AuditLine], app: str | None
) -> tuple[list[AuditLine], list[AuditLine]]:
    """The lines of `app`, or all of them. UsageError when they are of several."""
    old, new = ([line for line in lines if app in (None, line.app)] for lines in (before, after))
    names = {line.app for line in (*old, *new)}
    if len(names) > 1:
        raise UsageError(f"these files hold several apps: say which with --app: {', '.join(sorted(names))}")
    return old, new


def exit_code_of(found: Iterable[AuditDifference]) -> int:
    """1 when something got worse, 3 when that is unclear."""
    changes = {each.change for each in found}
    if changes & {AuditChange.WORSE, AuditChange.READABLE}:
        return 1
    return 3 if AuditChange.UNCLEAR in changes else 0


def compare(before: Iterable[AuditLine], after: Iterable[AuditLine]) -> list[AuditDifference]:
    """Of each destination of either; the most alarming first."""
    old, new = _by_destination(before), _by_destination(after)
    found = [_difference(each, old.get(each), new.get(each)) for each in dict.fromkeys([*old, *new])]
    return sorted(found, key=lambda each: (tuple(AuditChange).index(each.change), each.destination))


def _by_destination(lines: Iterable[AuditLine]) -> dict[str, AuditLine]:
    """A later line of a destination takes the place of an earlier one."""
    return {line.destination: line for line in lines}


def _difference(destination: str, old: AuditLine | None, new: AuditLine | None) -> AuditDifference:
    before, after = _word(old), _word(new)
    newly = tuple(sorted(_readable(new) - _readable(old)))
    change = _change(before, after)
    if change is AuditChange.SAME and newly and after in FAILURES:
        change = AuditChange.READABLE
    return AuditDifference(
        destination=destination,
        change=change,
        before=before,
        after=after,
        sentence=_sentence(change, before, after, newly, old, new),
        newly_readable=newly,
    )


def _change(before: AuditWord | None, after: AuditWord | None) -> AuditChange:
    if before is after or (_not_there(before) and _not_there(after)):
        return AuditChange.SAME
    if _not_there(before):
        return AuditChange.NEW
    if _not_there(after):
        return AuditChange.GONE
    rank_before, rank_after = _rank(before), _rank(after)
    if rank_before is None or rank_after is None:
        return AuditChange.UNCLEAR
    return AuditChange.WORSE if rank_after < rank_before else AuditChange.BETTER


def _not_there(word: AuditWord | None) -> bool:
    return word in (None, AuditWord.NOT_CONTACTED)


def _rank(word: AuditWord | None) -> int | None:
    """The higher the safer; None: it was not judged."""
    if word is AuditWord.PINNED or word in FAILURES:
        return tuple(AuditWord).index(word)
    return None


def _sentence(
    change: AuditChange,
    before: AuditWord | None,
    after: AuditWord | None,
    newly: Sequence[str],
    old: AuditLine | None,
    new: AuditLine | None,
) -> str:
    more = f"; newly readable: {', '.join(newly)}" if newly and after in FAILURES else ""
    match change:
        case AuditChange.NEW:
            return f"contacted for the first time: {after}{more}"
        case AuditChange.GONE:
            return f"no longer contacted; it was {before}"
        case AuditChange.UNCLEAR:
            undecided = new if _rank(after) is None else old
            why = undecided.reason if undecided else ""
            return f"was {before}, is {after}; nothing can be said about a change: {why}"
        case AuditChange.SAME | AuditChange.READABLE:
            return "not contacted" if _not_there(after) else f"still {after}{more}"
        case _:
            return f"was {before}, is {after}{more}"


def _word(line: AuditLine | None) -> AuditWord | None:
    return AuditWord(line.verdict) if line else None


def _readable(line: AuditLine | None) -> set[str]:
    """Whether all of it was read may differ from run to run, and is no change of the app."""
    readable = line.readable if line else ()
    return {f"{each.kind} {each.name}" for each in readable if each.kind != ReadableKind.UNREAD}

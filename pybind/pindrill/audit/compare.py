"""Two audits of an app: what changed between its versions. Pure; takes the result lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pindrill.audit.facts import Kind
from pindrill.audit.words import FAILURES, AuditWord

Line = Mapping[str, Any]


class Change(StrEnum):
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
class Difference:
    destination: str
    change: Change
    before: AuditWord | None
    after: AuditWord | None
    sentence: str
    newly_readable: tuple[str, ...] = ()
    """Kind and name."""


def compare(before: Iterable[Line], after: Iterable[Line]) -> list[Difference]:
    """Of each destination of either; the most alarming first."""
    old, new = _by_destination(before), _by_destination(after)
    found = [_difference(each, old.get(each), new.get(each)) for each in dict.fromkeys([*old, *new])]
    return sorted(found, key=lambda each: (tuple(Change).index(each.change), each.destination))


def _by_destination(lines: Iterable[Line]) -> dict[str, Line]:
    """A later line of a destination takes the place of an earlier one."""
    return {line["destination"]: line for line in lines}


def _difference(destination: str, old: Line | None, new: Line | None) -> Difference:
    before, after = _word(old), _word(new)
    newly = tuple(sorted(_readable(new) - _readable(old)))
    change = _change(before, after)
    if change is Change.SAME and newly and after in FAILURES:
        change = Change.READABLE
    return Difference(
        destination=destination,
        change=change,
        before=before,
        after=after,
        sentence=_sentence(change, before, after, newly, old, new),
        newly_readable=newly,
    )


def _change(before: AuditWord | None, after: AuditWord | None) -> Change:
    if before is after or (_not_there(before) and _not_there(after)):
        return Change.SAME
    if _not_there(before):
        return Change.NEW
    if _not_there(after):
        return Change.GONE
    rank_before, rank_after = _rank(before), _rank(after)
    if rank_before is None or rank_after is None:
        return Change.UNCLEAR
    return Change.WORSE if rank_after < rank_before else Change.BETTER


def _not_there(word: AuditWord | None) -> bool:
    return word in (None, AuditWord.NOT_CONTACTED)


def _rank(word: AuditWord | None) -> int | None:
    """The higher the safer; None: it was not judged."""
    if word is AuditWord.PINNED or word in FAILURES:
        return tuple(AuditWord).index(word)
    return None


def _sentence(
    change: Change,
    before: AuditWord | None,
    after: AuditWord | None,
    newly: Sequence[str],
    old: Line | None,
    new: Line | None,
) -> str:
    more = f"; newly readable: {', '.join(newly)}" if newly and after in FAILURES else ""
    match change:
        case Change.NEW:
            return f"contacted for the first time: {after}{more}"
        case Change.GONE:
            return f"no longer contacted; it was {before}"
        case Change.UNCLEAR:
            undecided = new if _rank(after) is None else old
            return (
                f"was {before}, is {after}; nothing can be said about a change: {(undecided or {}).get('reason', '')}"
            )
        case Change.SAME | Change.READABLE:
            return "not contacted" if _not_there(after) else f"still {after}{more}"
        case _:
            return f"was {before}, is {after}{more}"


def _word(line: Line | None) -> AuditWord | None:
    return AuditWord(line["verdict"]) if line else None


def _readable(line: Line | None) -> set[str]:
    """Whether all of it was read may differ from run to run, and is no change of the app."""
    readable = line["readable"] if line else ()
    return {f"{each['kind']} {each['name']}" for each in readable if each["kind"] != Kind.UNREAD}

"""Lists and objects that stand as literals in source code: where they are used, what they hold, what is unread."""

from __future__ import annotations

from pindrill.pinfiles.code import MAX_ARGUMENTS, MAX_CALLS, Code, Value
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source


def uses(source: Source, code: Code, *texts: str) -> list[int]:
    found = [at for at in range(len(code.tokens)) if code.is_at(at, *texts)]
    if len(found) > MAX_CALLS:
        raise source.refuse(1, f"more than {MAX_CALLS} times {texts[0]}", "give the part that has the pins")
    return found


def argument(code: Code, start: int, most: int = MAX_ARGUMENTS) -> tuple[int, int]:
    """From `start` to the comma or bracket that ends the argument."""
    depth = 0
    for index in range(start, min(len(code.tokens), start + most)):
        token = code.tokens[index]
        if token.kind != "mark":
            continue
        if depth == 0 and token.text in (",", ")", ";", "}"):
            return start, index
        depth += (token.text in "([{") - (token.text in ")]}")
    return start, len(code.tokens)


def resolved(code: Code, start: int, end: int) -> Value:
    """The literal itself, or the one that the name in its place is set to."""
    if end - start == 1 and code.tokens[start].kind == "name":
        found = code.literals.get(code.tokens[start].text)
        if found:
            return code.value(*found)
    if start < end and code.tokens[start].text == "const":
        start += 1
    return code.value(start, end)


def note_unread(notes: Notes, line: int) -> None:
    notes.add(
        "unread",
        line,
        "pins that are no literal or constant of this file",
        effect="they are made when the app runs: not read, not checked",
        fix="look at them by hand, or write them as literals",
    )

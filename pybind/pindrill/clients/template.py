"""Placeholders in the words of a client command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pindrill.model import UsageError

_PLACEHOLDER = re.compile(r"\{\{(?P<escaped>\w+)\}\}|\{(?P<name>\w+)\}")
_WORD = re.compile(r"(?<![{$%])\{([A-Za-z][\w-]*)\}")
"""`${HOST}` and `%{http_code}` are the shell's and curl's."""
_LIKENESS = 0.65


def fill(text: str, values: Mapping[str, str]) -> str:
    """`{name}` becomes its value, `{{word}}` becomes `{word}`, anything else in braces stays as it is."""

    def filled(match: re.Match[str]) -> str:
        if escaped := match["escaped"]:
            return f"{{{escaped}}}"
        return values.get(match["name"], match[0])

    return _PLACEHOLDER.sub(filled, text)


def fill_early(text: str, values: Mapping[str, str]) -> str:
    """As `fill`, for names that are known before the others: `{{word}}` is left for later."""
    return _PLACEHOLDER.sub(lambda match: values.get(match["name"] or "", match[0]), text)


def used(texts: Iterable[str], known: frozenset[str]) -> frozenset[str]:
    """The placeholders in the texts; UsageError if a word in braces looks like a misspelt one."""
    found: set[str] = set()
    for text in texts:
        found |= {match["name"] for match in _PLACEHOLDER.finditer(text) if match["name"] in known}
        for word in _WORD.findall(text):
            _refuse_misspelt(word, known)
    return frozenset(found)


def _refuse_misspelt(word: str, known: frozenset[str]) -> None:
    if word in known:
        return
    likely = get_close_matches(word.lower().replace("-", "_"), sorted(known), n=1, cutoff=_LIKENESS)
    if likely:
        names = " ".join(f"{{{name}}}" for name in sorted(known))
        raise UsageError(
            f"unknown placeholder {{{word}}} in the client command: is {{{likely[0]}}} meant? Known are: {names}. "
            f"To hand {{{word}}} to the client as it stands, write {{{{{word}}}}}"
        )

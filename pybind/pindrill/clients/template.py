"""Placeholders in the words of a client command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from pindrill.model import UsageError

_PLACEHOLDER = re.compile(r"\{\{(?P<escaped>\w+)\}\}|\{(?P<name>\w+)\}")
_WORD = re.compile(r"(?<![{$%])\{([A-Za-z][\w-]*)\}")
"""`${HOST}` and `%{http_code}` are the shell's and curl's; `{"a": 1}` and `{ print }` are no placeholders either."""


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
    """The placeholders in the texts; UsageError if another word stands in braces."""
    found: set[str] = set()
    for text in texts:
        found |= {match["name"] for match in _PLACEHOLDER.finditer(text) if match["name"] in known}
        for word in _WORD.findall(text):
            if word not in known:
                raise UsageError(_unknown(word, known))
    return frozenset(found)


def _unknown(word: str, known: frozenset[str]) -> str:
    likely = get_close_matches(word.lower().replace("-", "_"), sorted(known), n=1)
    meant = f"is {{{likely[0]}}} meant? " if likely else ""
    names = " ".join(f"{{{name}}}" for name in sorted(known))
    return (
        f"unknown placeholder {{{word}}} in the client command: {meant}Known are: {names}. "
        f"To hand {{{word}}} to the client as it stands, write {{{{{word}}}}}"
    )

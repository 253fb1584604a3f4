"""The words of the command line, before they are parsed."""

from __future__ import annotations

import re
from collections.abc import Sequence


def optional_values(arguments: Sequence[str]) -> list[str]:
    """`--proxy` may stand alone or before an address: an empty value is put in where none is given.

    `audit report` and `audit compare` are commands of their own.
    """
    words = list(arguments)
    if words[:1] != ["audit"]:
        return words
    if words[1:2] in (["report"], ["compare"]):
        return [f"audit-{words[1]}", *words[2:]]
    end = words.index("--") if "--" in words else len(words)
    made: list[str] = []
    for number, word in enumerate(words[:end]):
        made.append(word)
        following = words[number + 1] if number + 1 < end else ""
        if word in ("--proxy", "--socks", "--transparent", "--dns") and not re.fullmatch(
            r"[\d.\[\]:a-f]*\d", following
        ):
            made.append("")
    return made + words[end:]

"""What was asked for on the command line, as values; UsageError says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pindrill import scenarios as catalogue
from pindrill.model import STRATEGY, TLS_VERSIONS, Scenario, Semantics, Strategy, TlsVersion, UsageError


def read_scenarios(only: Sequence[str] | None, which: str) -> list[Scenario]:
    if which not in ("all", "core"):
        raise UsageError(f"--set is all or core, not '{which}'")
    base = catalogue.CORE if which == "core" else catalogue.CATALOGUE
    if not only:
        return list(base)
    found: dict[str, Scenario] = {}
    for pattern in only:
        matches = catalogue.matching(pattern)
        if not matches:
            raise UsageError(f"no scenario is called '{pattern}'; `pindrill scenarios` lists them")
        found.update({scenario.id: scenario for scenario in matches})
    return list(found.values())


def read_versions(tls: Sequence[str] | None) -> tuple[TlsVersion, ...]:
    for version in tls or ():
        if version not in TLS_VERSIONS:
            raise UsageError(f"--tls is 1.2 or 1.3, not '{version}'")
    return tuple(version for version in TLS_VERSIONS if not tls or version in tls)


def read_strategies(names_: Sequence[str] | None) -> tuple[Strategy, ...] | None:
    if not names_:
        return None
    if "all" in names_:
        return ()
    for name in names_:
        if name not in STRATEGY:
            raise UsageError(f"no strategy is called '{name}'; there are: all, {', '.join(STRATEGY)}")
    return tuple(STRATEGY[name] for name in dict.fromkeys(names_))


def refuse_nothing(
    scenarios: Sequence[Scenario], strategies: Sequence[Strategy] | None, versions: Sequence[TlsVersion]
) -> None:
    """UsageError where no cell is left of what was asked for."""
    without_backup = bool(strategies) and not any(each.backup for each in strategies or ())
    why = [
        f"{each.code} is for TLS {' and '.join(each.tls)}"
        if not set(each.tls) & set(versions)
        else f"{each.code} needs a strategy with a backup pin, such as --strategy leaf-spki+backup"
        if each.needs_backup and without_backup
        else ""
        for each in scenarios
    ]
    if all(why):
        raise UsageError(f"nothing is to be run: {'; '.join(dict.fromkeys(why))}")


def read_semantics(text_: str) -> Semantics:
    values: dict[str, Any] = {}
    allowed = {
        "position": ("validated", "leaf", "presented"),
        "mode": ("restrict", "replace", "add"),
        "host": ("on", "off"),
    }
    for part in text_.split(","):
        name, _, value = part.partition("=")
        if value not in allowed.get(name, ()):
            choices = "; ".join(f"{key}={'|'.join(words)}" for key, words in allowed.items())
            raise UsageError(f"--semantics: '{part}' is none of {choices}")
        values[name] = value == "on" if name == "host" else value
    return Semantics(**values)


def read_assignment(text_: str) -> tuple[str, str]:
    name, equals, value = text_.partition("=")
    if not equals or not name:
        raise UsageError(f"--env takes NAME=VALUE, not '{text_}'")
    return name, value


def read_shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    index, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= index <= of:
        raise UsageError(f"--shard is I/N with I from 1 to N, such as 2/3, not '{text}'")
    return index, of

"""The files of one app beside each other: do its builds live and die together?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from pindrill.pinfiles.model import LintFinding, PinRule
from pindrill.pinfiles.pin_file import PinFile, binds, rules_for
from pindrill.pinfiles.rules import Notes

_FIX = "pin the same keys in both"


def compare(files: Sequence[PinFile]) -> list[LintFinding]:
    found: list[LintFinding] = []
    # A script and a server's configuration are no builds of the app.
    shipped = [file for file in files if file.format.apps and not file.partial]
    for one, other in combinations(shipped, 2):
        shared = one.format.apps & other.format.apps
        notes = Notes(other.path)
        if shared:
            _compare_layers(one, other, notes)
        else:
            _compare_builds(one, other, shipped, notes)
        found += notes.findings
    return found


def _compare_layers(one: PinFile, other: PinFile, notes: Notes) -> None:
    """Two checks in one build: both have to pass."""
    for host in _hosts(one, other):
        first, second = _digests([one], host), _digests([other], host)
        if first and second and not first & second:
            notes.add(
                "platforms-differ",
                _line(other, host),
                f"{host} has other pins here than in {one.path}, and none in common",
                effect="both checks run in the same app: a chain has to match a pin of each",
                fix=_FIX,
            )


def _compare_builds(one: PinFile, other: PinFile, files: Sequence[PinFile], notes: Notes) -> None:
    """All files of a build count, so that pins in its other file are not missed."""
    ones = [file for file in files if file.format.apps & one.format.apps]
    others = [file for file in files if file.format.apps & other.format.apps]
    for host in _hosts(one, other):
        first, second = _digests(ones, host), _digests(others, host)
        names = "/".join(sorted(one.format.apps)), "/".join(sorted(other.format.apps))
        if first == second:
            continue
        if not first or not second:
            pinned, bare = names if first else names[::-1]
            notes.add(
                "platforms-differ",
                _line(other, host),
                f"{host} is pinned on {pinned} ({(one if first else other).path}) and not on {bare}",
                effect=f"on {bare} any certificate of a trusted CA is accepted",
                fix=f"pin it on {bare} too",
            )
        else:
            notes.add(
                "platforms-differ",
                _line(other, host),
                f"{host} has other pins on {names[1]} than on {names[0]} ({one.path}): "
                f"{len(first & second)} in common, {len(first - second)} only there, {len(second - first)} only here",
                effect="a rotation that one build survives locks the other out",
                fix=_FIX,
            )


def _hosts(*files: PinFile) -> Iterator[str]:
    """One name that each rule of either file covers."""
    seen = set()
    for file in files:
        for rule in file.rules:
            host = rule.domain if rule.apex else f"any.{rule.domain}"
            if rule.domain and rule.all_pins and host not in seen:
                seen.add(host)
                yield host


def _digests(files: Sequence[PinFile], host: str) -> frozenset[tuple[str, bytes]]:
    return frozenset(
        (rule.of, pin.digest)
        for file in files
        for rule in rules_for(file, host)
        if binds(file, rule)
        for pin in rule.all_pins
        if pin.digest is not None
    )


def _line(file: PinFile, host: str) -> int:
    rules: tuple[PinRule, ...] = rules_for(file, host)
    return rules[0].line if rules else 1

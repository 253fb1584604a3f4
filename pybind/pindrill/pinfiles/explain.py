"""Pin files in words: what a platform makes of one, and how two differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pindrill.pinfiles.digests import encoded
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.names import why_no_host
from pindrill.pinfiles.pin_file import PinFile, binds, rules_for


def rule_as_json(file: PinFile, rule: PinRule, at: datetime) -> dict[str, Any]:
    return {
        "file": file.path,
        "format": file.format.name,
        "line": rule.line,
        "domain": rule.domain,
        "matches_no_host": why_no_host(rule.domain) if rule.domain else "",
        "subdomains": rule.subdomains,
        "apex": rule.apex,
        "position": rule.position,
        "of": rule.of,
        "mode": rule.mode,
        "check_host": rule.check_host,
        "enforce": rule.enforce,
        "binds": binds(file, rule) and not is_off(rule, at),
        "excluded": rule.excluded,
        "lockout": rule.lockout,
        "expires": rule.expires and rule.expires.day.isoformat(),
        "expires_zone": rule.expires and rule.expires.zone,
        "expired": is_off(rule, at),
        "partial": rule.partial,
        "min_pins": rule.min_pins,
        "report_uris": list(rule.report_uris),
        "pins": [_pin_as_json(pin) for pin in rule.pins],
        "ca_pins": [_pin_as_json(pin) for pin in rule.ca_pins],
        "crash": file.crash,
    }


def _pin_as_json(pin: DeclaredPin) -> dict[str, Any]:
    return {
        "text": pin.text,
        "algorithm": pin.algorithm,
        "base64": encoded(pin.digest) if pin.digest is not None else None,
        "can_match": pin.can_match,
        "line": pin.line,
    }


def is_off(rule: PinRule, at: datetime) -> bool:
    """Expired everywhere."""
    return rule.expires is not None and at > rule.expires.latest


def shown(file: PinFile, at: datetime) -> Iterator[str]:
    """For people."""
    yield f"{file.path}: {file.format}"
    yield f"  {file.format.meaning}"
    if file.crash:
        yield f"  The app does not start with it: {file.crash}"
    for rule in file.rules:
        yield f"  {_covered(rule)}{_what_holds(file, rule, at)}"
        for pins, where in ((rule.pins, _where(rule)), (rule.ca_pins, "a CA of the chain")):
            yield from (f"    {_pin(pin)}  {where}" for pin in pins)


def _covered(rule: PinRule) -> str:
    if not rule.domain:
        return "every host" + (" and its subdomains" if rule.subdomains == "all" else "")
    parts = [rule.domain] if rule.apex else []
    parts += {"none": [], "one": [f"one label under {rule.domain}"], "all": [f"everything under {rule.domain}"]}[
        rule.subdomains
    ]
    return " and ".join(parts)


def _what_holds(file: PinFile, rule: PinRule, at: datetime) -> str:
    if rule.domain and (why := why_no_host(rule.domain)):
        return f": not pinned, no connection has this name: {why}"
    if rule.lockout:
        return f": locked out, {rule.lockout}"
    if rule.partial:
        return ": pins of which not all could be read"
    if not rule.all_pins:
        return ": exempt from pinning" if rule.excluded else ": not pinned"
    words = [] if rule.mode == "restrict" else ["the pin counts by itself, without validation"]
    if not binds(file, rule):
        words.append("mismatches are only reported")
    if rule.expires:
        verb = "expired" if is_off(rule, at) else "expires"
        zone = "UTC" if rule.expires.zone == "utc" else "local time"
        words.append(f"{verb} {rule.expires.day.isoformat()} 00:00 {zone}")
    return f": {', '.join(words)}" if words else ""


def _where(rule: PinRule) -> str:
    whose = {
        "leaf": "the server's own",
        "leaf-and-ca": "the server's own",
        "ca": "a CA of the chain",
        "any": "any of the chain",
    }[rule.position]
    return whose if rule.of == "spki" else f"{whose}, certificate"


def _pin(pin: DeclaredPin) -> str:
    if not pin.can_match or pin.digest is None:
        return f"never matches: {pin.text[:80]}"
    return f"{pin.algorithm}/{encoded(pin.digest)}"


# --- two files -------------------------------------------------------------------------------------------------


def differences(one: PinFile, other: PinFile, at: datetime) -> list[dict[str, Any]]:
    """Per name that either file has: pins that only one has, and what else is otherwise for it."""
    names = sorted({rule.domain for file in (one, other) for rule in file.rules})
    found = []
    for name in names:
        before, after = _in_force(one, name, at), _in_force(other, name, at)
        first, second = _pins(before), _pins(after)
        changes = [
            f"{what}: {old} -> {new}"
            for what, old, new in zip(_TRAITS, _traits(before), _traits(after), strict=True)
            if old != new
        ]
        if first != second or changes:
            found.append(
                {
                    "domain": name,
                    "files": [one.path, other.path],
                    "lines": [_line(before), _line(after)],
                    "only_first": sorted(first - second),
                    "only_second": sorted(second - first),
                    "both": sorted(first & second),
                    "changes": changes,
                }
            )
    return found


_TRAITS = ("pinned", "subdomains", "position", "mode", "enforced", "expires")


def _traits(rules: Sequence[PinRule]) -> tuple[str, ...]:
    return (
        "yes" if rules else "no",
        "/".join(sorted({rule.subdomains for rule in rules})),
        "/".join(sorted({rule.position for rule in rules})),
        "/".join(sorted({rule.mode for rule in rules})),
        "/".join(sorted({"yes" if rule.enforce else "no" for rule in rules})),
        "/".join(sorted({f"{rule.expires.day.isoformat()} {rule.expires.zone}" for rule in rules if rule.expires}))
        or "never",
    )


def _in_force(file: PinFile, name: str, at: datetime) -> list[PinRule]:
    rules = rules_for(file, name) if name else [rule for rule in file.rules if not rule.domain]
    named = [rule for rule in file.rules if rule.domain == name and not rule.apex]
    return [rule for rule in (*rules, *named) if (rule.all_pins or rule.lockout) and not is_off(rule, at)]


def _pins(rules: Sequence[PinRule]) -> set[str]:
    return {
        f"{'' if rule.of == 'spki' else 'certificate '}{pin.algorithm}/{encoded(pin.digest)}"
        for rule in rules
        for pin in rule.all_pins
        if pin.digest is not None
    }


def _line(rules: Sequence[PinRule]) -> int:
    return rules[0].line if rules else 0

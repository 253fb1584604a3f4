"""Reads a plan with everything that it names. Whatever is impossible is said before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pindrill.model import UsageError
from pindrill.pinfiles import read_all
from pindrill.pinfiles.names import canonical, is_plain, to_ascii
from pindrill.preflight.field import read_field
from pindrill.preflight.files import read_chain, read_trust
from pindrill.preflight.model import Instant
from pindrill.preflight.plan import DAY, Plan, PlanStep, Version
from pindrill.preflight.plan_steps import read_steps
from pindrill.toml_file import TomlTable, read_toml

_PLAN_KEYS = (
    "host",
    "current",
    "trust",
    "pins",
    "field",
    "start",
    "until",
    "rollout_days",
    "ticket_hours",
    "tolerance",
    "step",
)
_MOST_STEPS = 100
_LONGEST_DAYS = 20 * 366
_AFTERWARDS_DAYS = 90


def read_plan(path: Path) -> Plan:
    """UsageError says file and line."""
    table = read_toml(path, what="plan", fix="see docs/rotation.md for a plan")
    entries = _steps_of(table)
    table.only(_PLAN_KEYS)
    current_file = _needed(table, "current")
    trust_file = table.file("trust")
    trust = read_trust(trust_file) if trust_file else None
    current = replace(read_chain(current_file, trust), name=str(table.values["current"]))
    rollout = int(table.number("rollout_days", 0, 366) * DAY)
    steps = read_steps(entries, current, trust, rollout)
    start, end = _span(table, steps, rollout)
    plan = Plan(
        path=path,
        hosts=_hosts(table),
        current=current,
        current_file=current_file,
        trust_file=trust_file,
        steps=steps,
        versions=_versions(table),
        start=start,
        end=end,
        rollout=rollout,
        tickets=int(table.number("ticket_hours", 0, 24 * 366) * 3600),
        tolerance=table.number("tolerance", 0, 100),
    )
    _refuse_uncounted_tolerance(table, plan)
    return plan


def _steps_of(table: TomlTable) -> list[TomlTable]:
    value = table.values.get("step")
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise UsageError(f"{table.path}:1: no steps in this plan; write a [[step]] with date and do for each")
    if len(value) > _MOST_STEPS:
        raise UsageError(f"{table.path}:1: {len(value)} steps; a plan has at most {_MOST_STEPS}")
    return table.tables("step")


def _needed(table: TomlTable, key: str) -> Path:
    found = table.file(key)
    if found is None:
        raise table.refuse(key, f"the key '{key}' is missing", "name the chain that is served today, as PEM")
    return found


def _hosts(table: TomlTable) -> tuple[str, ...]:
    names = tuple(to_ascii(name) for name in table.texts("host"))
    if not names:
        raise table.refuse("host", "the key 'host' is missing", "name the host that apps connect to, or a list")
    for name in names:
        if not is_plain(canonical(name)):
            raise table.refuse("host", f"'{name[:60]}' is no host name", "write the name alone, as in a certificate")
    return names


def _versions(table: TomlTable) -> tuple[Version, ...]:
    field, pins = table.file("field"), table.texts("pins")
    if (field is None) == (not pins):
        raise table.refuse(
            "pins", "neither pins nor field, or both", "name pin files in pins, or a table of app versions in field"
        )
    if field is not None:
        return read_field(field)
    return tuple(Version(name=name, files=read_all(table.there("pins", name))) for name in dict.fromkeys(pins))


def _span(table: TomlTable, steps: Sequence[PlanStep], rollout: int) -> tuple[Instant, Instant]:
    first, last = steps[0], steps[-1]
    start = table.day("start")
    if start is None:
        if table.values.get("field") is not None:
            raise table.refuse("start", "the key 'start' is missing", "say from which day the shares of the field hold")
        start = first.at
    until = table.day("until")
    end = last.at + rollout + _AFTERWARDS_DAYS * DAY if until is None else until
    if start > first.at:
        raise table.refuse("start", "start is after the first step", "begin with it or before")
    if end < last.at + rollout:
        raise table.refuse("until", "until is before the end of the last step's roll-out", "end with it or later")
    if end - start > _LONGEST_DAYS * DAY:
        raise table.refuse("until", f"more than {_LONGEST_DAYS} days from start to until", "plan a shorter time")
    return start, end


def _refuse_uncounted_tolerance(table: TomlTable, plan: Plan) -> None:
    if plan.tolerance and not plan.counted:
        raise table.refuse("tolerance", "a tolerance, and no shares that it could be of", "name a table in field")

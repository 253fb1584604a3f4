"""`pindrill.toml`: what the gate checks, and which deviations are expected."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs

from pindrill.clients.client_file import Known
from pindrill.clients.template import fill_early
from pindrill.drills.asked import read_scenarios, read_strategies, read_versions, refuse_nothing
from pindrill.drills.options import DrillOptions
from pindrill.drills.subjects import ClientOptions, Subject, read_subjects
from pindrill.model import UsageError, VerdictWord
from pindrill.pinfiles import LintFinding, Severity
from pindrill.pinfiles.hosts import host_asked

NAME = "pindrill.toml"
_MAX_BYTES = 1 << 20
_NOTHING_GIVEN = ClientOptions(environment={}, semantics=None, respond=None, ignore_exit_code=False)


@dataclass(frozen=True, kw_only=True)
class ExpectedFinding:
    rule: str
    file: str | None
    reason: str

    def covers(self, finding: LintFinding) -> bool:
        return finding.rule == self.rule and self.file in (None, finding.file)


@dataclass(frozen=True, kw_only=True)
class GateFile:
    path: Path
    pin_files: tuple[Path, ...]
    hosts: tuple[str, ...]
    fail_on: Severity
    chains: tuple[Path, ...]
    plan: Path | None
    trust: Path | None
    subjects: tuple[Subject, ...]
    """With the expected verdicts of this file among their known ones."""
    asked: DrillOptions
    expected: tuple[ExpectedFinding, ...]

    @property
    def files_of_clients(self) -> dict[str, str]:
        """The file that a report points to, by client."""
        return {subject.name: str(subject.file or self.path) for subject in self.subjects}


def read_gate_file(path: Path) -> GateFile:
    """UsageError says what is wrong with which key."""
    data = _data(path)
    here = path.parent
    pins, preflight, drill = (data.get(name, {}) for name in ("pins", "preflight", "drill"))
    if "chains" in preflight and not pins:
        raise UsageError(f"{path}: [preflight] chains are for pin files, but [pins] names none")
    if "trust" in preflight and "chains" not in preflight:
        raise UsageError(f"{path}: [preflight] trust is for chains; a plan names its own")
    entries = data.get("expected", [])
    keyring = drill.get("keyring")
    try:
        asked = DrillOptions(
            scenarios=read_scenarios(drill.get("only"), drill.get("set", "all")),
            strategies=read_strategies(drill.get("strategies")),
            versions=read_versions(drill.get("tls")),
            pinned=drill.get("pinned"),
            keyring=here / keyring if keyring else None,
            deadline_s=float(drill.get("deadline", 10.0)),
        )
        if data.get("client"):
            refuse_nothing(asked.scenarios, asked.pinned_strategies, asked.versions)
        subjects = _subjects(data.get("client", []), entries, path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return GateFile(
        path=path,
        pin_files=tuple(here / name for name in pins.get("files", ())),
        hosts=tuple(host_asked(name, f"{path}: [pins] hosts") for name in pins.get("hosts", ())),
        fail_on=Severity(pins.get("fail_on", "warning")),
        chains=tuple(here / name for name in preflight.get("chains", ())),
        plan=here / preflight["plan"] if "plan" in preflight else None,
        trust=here / preflight["trust"] if "trust" in preflight else None,
        subjects=subjects,
        asked=asked,
        expected=tuple(
            ExpectedFinding(
                rule=entry["rule"],
                file=str(here / entry["file"]) if "file" in entry else None,
                reason=entry["reason"],
            )
            for entry in entries
            if "rule" in entry
        ),
    )


def _data(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file; `pindrill init` writes one")
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{path}: more than {_MAX_BYTES} bytes are no configuration")
        data = tomllib.loads(path.read_text())
        _validator().validate(data)
    except jsonschema_rs.ValidationError as error:
        raise UsageError(f"{path}: {_where(error)}: {_wrong(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot read it: {error}") from error
    if not data.keys() & {"pins", "preflight"} and not data.get("client"):
        raise UsageError(f"{path}: nothing to check; name pin files under [pins], or a client under [[client]]")
    return data


def _where(error: jsonschema_rs.ValidationError) -> str:
    """`[[client]] 2: command`, as the file has it."""
    first, *rest = [*error.instance_path, ""][:-1] or ["the whole of it"]
    if rest and isinstance(rest[0], int):
        return ": ".join([f"[[{first}]] {rest[0] + 1}", *map(str, rest[1:])])
    return ": ".join([f"[{first}]" if rest else str(first), *map(str, rest)])


def _wrong(error: jsonschema_rs.ValidationError) -> str:
    forms = {
        "preflight": "[preflight] has `chains` (and `trust`), or `plan`, or all of them",
        "client": "a client has either `file`, or `name` and `command`",
        "expected": "an entry has `reason`, and either `rule` (`file`), or `scenarios` and `verdict` (`client`)",
    }
    if {"oneOf", "anyOf"} & set(map(str, error.schema_path)) and error.instance_path:
        return forms.get(str(error.instance_path[0]), error.message)
    return error.message if len(error.message) <= 300 else error.message[:300] + " …"


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(files("pindrill.cli").joinpath("gate.schema.json").read_text())
    )


# --- clients ---------------------------------------------------------------------------------------------------


def _subjects(entries: list[Any], expected: list[Any], path: Path) -> tuple[Subject, ...]:
    found = [_subject(entry, path) for entry in entries]
    names = [subject.name for subject in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two clients are called '{name}'; results are told apart by the name")
    for entry in expected:
        if "client" in entry and entry["client"] not in names:
            raise UsageError(f"[[expected]] names the client '{entry['client']}'; there are: {', '.join(names)}")
    known = [(entry.get("client"), _known(entry)) for entry in expected if "scenarios" in entry]
    return tuple(
        replace(subject, known=(*subject.known, *(each for name, each in known if name in (None, subject.name))))
        for subject in found
    )


def _subject(entry: Mapping[str, Any], path: Path) -> Subject:
    if "file" in entry:
        return read_subjects([], [path.parent / entry["file"]], False, _NOTHING_GIVEN)[0]
    values = {"here": str(path.parent.absolute()), "python": sys.executable}
    command = [fill_early(word, values) for word in entry["command"]]
    folder = path.parent if path.parent != Path() else None  # the caller's directory already
    [subject] = read_subjects(command, [], entry.get("adapter", False), _NOTHING_GIVEN, folder)
    return replace(subject, name=entry["name"])


def _known(entry: Mapping[str, Any]) -> Known:
    if entry["verdict"] not in set(VerdictWord):
        raise UsageError(f"[[expected]] verdict '{entry['verdict']}' is none of {', '.join(VerdictWord)}")
    scenarios = tuple(scenario.id for scenario in read_scenarios(entry["scenarios"], "all"))
    return Known(scenarios=scenarios, verdict=entry["verdict"], reason=entry["reason"])

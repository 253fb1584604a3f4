"""`pindrill.toml`: what the gate checks, and which deviations are expected."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pindrill.clients.client_file import Known
from pindrill.clients.template import fill_early
from pindrill.drills.asked import read_scenarios, read_strategies, read_versions, refuse_nothing
from pindrill.drills.options import DEADLINE_S, DrillOptions
from pindrill.drills.subjects import ClientOptions, Subject, read_subjects
from pindrill.model import UsageError, VerdictWord
from pindrill.pinfiles import LintFinding, Severity
from pindrill.pinfiles.hosts import host_asked
from pindrill.toml_file import TomlTable, read_toml

NAME = "pindrill.toml"
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
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; `pindrill init` writes one")
    table = read_toml(path, what="configuration", fix="see docs/ci.md for one")
    table.only(("pins", "preflight", "client", "drill", "expected"))
    if not table.values.keys() & {"pins", "preflight"} and not table.values.get("client"):
        raise UsageError(f"{path}: nothing to check; name pin files under [pins], or a client under [[client]]")
    here = path.parent
    pins, preflight = table.table("pins"), table.table("preflight")
    pins.only(("files", "hosts", "fail_on"))
    if "pins" in table.values and not pins.texts("files", one=False):
        raise pins.refuse("files", "[pins] names no files", 'list the pin files of the app: files = ["…"]')
    _check_preflight(preflight, "pins" in table.values)
    entries = table.tables("expected")
    subjects = _subjects(table.tables("client"), entries, path)
    asked = _asked(table.table("drill"), bool(subjects))
    return GateFile(
        path=path,
        pin_files=tuple(here / name for name in pins.texts("files", one=False)),
        hosts=tuple(host_asked(name, f"{path}: [pins] hosts") for name in pins.texts("hosts", one=False)),
        fail_on=Severity(pins.choice("fail_on", ("warning", "error"), "warning")),
        chains=tuple(here / name for name in preflight.texts("chains", one=False)),
        plan=_beside(preflight, "plan"),
        trust=_beside(preflight, "trust"),
        subjects=subjects,
        asked=asked,
        expected=tuple(
            ExpectedFinding(
                rule=entry.text("rule") or "",
                file=str(here / name) if (name := entry.text("file")) else None,
                reason=entry.text("reason") or "",
            )
            for entry in entries
            if "rule" in entry.values
        ),
    )


def _beside(table: TomlTable, key: str) -> Path | None:
    name = table.text(key)
    return table.path.parent / name if name else None


def _check_preflight(table: TomlTable, has_pins: bool) -> None:
    table.only(("plan", "chains", "trust"))
    if "chains" in table.values and not has_pins:
        raise table.refuse("chains", "[preflight] chains are for pin files", "name these in [pins] files")
    if "trust" in table.values and "chains" not in table.values:
        raise table.refuse("trust", "[preflight] trust is for chains", "a plan names its own")
    if table.values and not (table.texts("chains", one=False) or table.text("plan")):
        raise table.refuse("chains", "[preflight] names nothing", "it has chains (and trust), or plan, or all of them")


def _asked(table: TomlTable, has_clients: bool) -> DrillOptions:
    table.only(("set", "only", "strategies", "tls", "pinned", "keyring", "deadline"))
    which = table.choice("set", ("all", "core"), "all")
    with _told_in(table, "only"):
        scenarios = read_scenarios(table.texts("only", one=False), which)
    with _told_in(table, "strategies"):
        strategies = read_strategies(table.texts("strategies", one=False))
    with _told_in(table, "tls"):
        versions = read_versions(table.texts("tls", one=False))
    asked = DrillOptions(
        scenarios=scenarios,
        strategies=strategies,
        versions=versions,
        pinned=table.text("pinned"),
        keyring=_beside(table, "keyring"),
        deadline_s=float(table.number("deadline", DEADLINE_S, 86400, positive=True)),
    )
    if has_clients:
        with _told_in(table, "only"):
            refuse_nothing(asked.scenarios, asked.pinned_strategies, asked.versions)
    return asked


@contextmanager
def _told_in(table: TomlTable, key: str) -> Iterator[None]:
    """What is wrong with a value is told with its place."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{table.path}:{table.lines.get(key, table.line)}: {error}") from error


# --- clients ---------------------------------------------------------------------------------------------------


def _subjects(clients: list[TomlTable], expected: list[TomlTable], path: Path) -> tuple[Subject, ...]:
    found = [_subject(entry) for entry in clients]
    names = [subject.name for subject in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}: two clients are called '{name}'; results are told apart by the name")
    known = [(entry.text("client"), _known(entry)) for entry in expected if _is_of_client(entry, names)]
    return tuple(
        replace(subject, known=(*subject.known, *(each for name, each in known if name in (None, subject.name))))
        for subject in found
    )


def _subject(table: TomlTable) -> Subject:
    table.only(("file", "name", "command", "adapter"))
    given = table.values.keys()
    if given != {"file"} and not {"name", "command"} <= given <= {"name", "command", "adapter"}:
        raise table.refuse(
            "", "a client has either `file`, or `name` and `command`", "leave out what belongs to the other"
        )
    here = table.path.parent
    with _told_in(table, "command"):
        if file := table.text("file"):
            return read_subjects([], [here / file], False, _NOTHING_GIVEN)[0]
        values = {"here": str(here.absolute()), "python": sys.executable}
        command = [fill_early(word, values) for word in table.texts("command", one=False)]
        folder = here if here != Path() else None  # the caller's directory already
        [subject] = read_subjects(command, [], table.choice("adapter", (True, False), False), _NOTHING_GIVEN, folder)
    return replace(subject, name=table.text("name") or "")


def _is_of_client(table: TomlTable, names: list[str]) -> bool:
    """Of a client, not of a finding."""
    table.only(("rule", "file", "scenarios", "verdict", "client", "reason"))
    given = table.values.keys()
    if not (
        {"rule", "reason"} <= given <= {"rule", "reason", "file"}
        or {"scenarios", "verdict", "reason"} <= given <= {"scenarios", "verdict", "reason", "client"}
    ):
        what = "an entry has `reason`, and either `rule` (`file`), or `scenarios` and `verdict` (`client`)"
        raise table.refuse("", f"[[expected]]: {what}", "leave out what belongs to the other")
    client = table.text("client")
    if client is not None and client not in names:
        raise table.refuse("client", f"[[expected]] names the client '{client}'", f"there are: {', '.join(names)}")
    return "scenarios" in given


def _known(table: TomlTable) -> Known:
    verdict = table.choice("verdict", tuple(map(str, VerdictWord)), "")
    with _told_in(table, "scenarios"):
        scenarios = tuple(scenario.id for scenario in read_scenarios(table.texts("scenarios", one=False), "all"))
    return Known(scenarios=scenarios, verdict=verdict, reason=table.text("reason") or "")

"""`pindrill gate`: lint, preflight and drill from one file, with one answer."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from rich.console import Console

from pindrill.cli.drill import refuse_unwritable
from pindrill.cli.plan import day, reviewed
from pindrill.drills import drilling
from pindrill.drills.drilling import Tally, drill_all, enter_place, written
from pindrill.drills.subjects import refuse_strategies_without_pins
from pindrill.gate.gate_file import NAME, GateFile, read_gate_file
from pindrill.gate.outcome import (
    PLAN_UNKNOWN,
    PLAN_VIOLATED,
    Baseline,
    Findings,
    cell,
    exit_code,
    sentence,
    sort_findings,
)
from pindrill.interruption import Started
from pindrill.keyring import VERSIONS
from pindrill.pinfiles import LintFinding, Severity, read_all
from pindrill.pinfiles.lint import lint
from pindrill.preflight import Status, check, read_chain, read_trust
from pindrill.preflight.model import VIOLATED, WORDS
from pindrill.reports import junit, junit_pins, sarif, text
from pindrill.reports.plain import counted, harmless, told
from pindrill.results.file import ResultFile
from pindrill.results.finding import finding_of
from pindrill.results.line import ResultLine
from pindrill.results.newest import latest
from pindrill.results.stored import read_stored


def gate(
    config: Annotated[Path, typer.Option(help="What is to be checked; `pindrill init` writes it.")] = Path(NAME),
    baseline: Annotated[
        Path | None, typer.Option(help="The --json file of an earlier gate: only what is new since fails.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Findings and results, a JSON line each.")] = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file here.")] = None,
    sarif_file: Annotated[Path | None, typer.Option("--sarif", help="Write a SARIF file here.")] = None,
    edit_hosts: Annotated[bool, typer.Option("--edit-hosts", help="Add lines to /etc/hosts for the run.")] = False,
) -> None:
    """Check pin files, the next certificates and the clients as pindrill.toml says.

    Exit code 0: as expected; 1: something is violated, or an expected deviation no longer happens; 2: usage; 3: nothing
    is violated, but something could not be judged.
    """
    file = read_gate_file(config)
    asked = replace(file.asked, edit_hosts=edit_hosts)
    refuse_strategies_without_pins(file.subjects, asked.strategies, asked.pinned, asked.keyring)
    before = _baseline(baseline) if baseline else None
    for path in (junit_file, sarif_file):
        if path:
            refuse_unwritable(path)
    with Started() as stack:
        # Executes this program again, so nothing is printed before.
        place = enter_place(file.subjects, edit_hosts, stack) if file.subjects else None
        findings = sort_findings(_found(file), file.expected, file.fail_on, before)
        _print_findings(findings, _checked(file))
        results = stack.start(lambda: ResultFile(json_file, resume=False), ResultFile.close) if json_file else None
        if results:
            for finding in findings.all:
                results.append(finding_of(finding.to_json()))
        tally = Tally()
        if place:
            tally = drill_all(file.subjects, asked, place, results, excuse=before.excuse if before else None)
    lines = latest(tally.lines)
    if file.subjects:
        text.print_report(Console(width=None if sys.stdout.isatty() else 120), lines, tally.stale, tally.interrupted)
    code = exit_code(findings, drilling.exit_code_of(lines, tally) if file.subjects else None)
    troubles = [results.trouble] if results else []
    if junit_file:
        suites = junit_pins.with_pin_files(
            junit.render(lines), [str(path) for path in _files(file)], findings.failing, findings.unsaid
        )
        troubles.append(written(junit_file, suites))
    if sarif_file:
        troubles.append(written(sarif_file, _sarif(file, findings, lines)))
    code = drilling.exit_code_with(troubles, code)
    doubts = [
        *(["the drill was interrupted"] if tally.interrupted else []),
        *(f"{client}: it can do none of its cells" for client in sorted(drilling.wholly_unsupported(lines))),
        *filter(None, troubles),
    ]
    print(sentence(code, findings, lines, tally.stale, _checked(file), doubts))
    raise typer.Exit(code)


def _found(file: GateFile) -> list[LintFinding]:
    now = datetime.now(UTC)
    read = [found for path in file.pin_files for found in read_all(path)]
    found = lint(read, now, hosts=file.hosts)
    trust = read_trust(file.trust) if file.trust else None
    chains = [read_chain(path, trust) for path in file.chains]
    outlooks = check(read, chains, at=now, hosts=file.hosts) if chains else []
    planned = [_of_plan(file.plan)] if file.plan else []
    return [*found, *(finding for outlook in outlooks if (finding := outlook.finding)), *filter(None, planned)]


def _of_plan(path: Path) -> LintFinding | None:
    found = reviewed(path)
    if found.status is Status.ACCEPTS:
        return None
    violated = found.status in VIOLATED
    problem = next((each for each in found.problems if not violated or each.status in VIOLATED), None)
    told = (
        f"{problem.version} from {day(problem.begin)}: {WORDS[problem.status]}: {problem.chain}: {problem.reason}"
        if problem
        else WORDS[found.status]
    )
    return LintFinding(
        file=str(path),
        line=1,
        rule=PLAN_VIOLATED if violated else PLAN_UNKNOWN,
        severity=Severity.ERROR if violated else Severity.WARNING,
        message=told,
        effect="installed apps lose connection or protection" if violated else "nobody knows before it is done",
        fix=f"`pindrill plan {shlex.quote(str(path))}` says the last safe date of each step",
    )


def _files(file: GateFile) -> list[Path]:
    return [*file.pin_files, *([file.plan] if file.plan else [])]


def _checked(file: GateFile) -> str:
    parts = [counted(len(file.pin_files), "pin file")] if file.pin_files else []
    return " and ".join([*parts, *(["1 plan"] if file.plan else [])])


def _baseline(path: Path) -> Baseline:
    stored = read_stored([path])
    return Baseline(
        name=str(path),
        findings=stored.findings,
        verdicts={cell(line): line.verdict for line in stored},
    )


def _sarif(file: GateFile, findings: Findings, lines: Sequence[ResultLine]) -> str:
    return sarif.render(
        lines,
        version=VERSIONS[0],
        findings=[finding_of(finding.to_json()) for finding in findings.all],
        file_of=file.files_of_clients,
        root=PurePosixPath(Path.cwd()),
    )


def _print_findings(findings: Findings, checked: str) -> None:
    for finding in findings.all:
        print(
            told(f"{finding.file}:{finding.line}: {finding.severity}: {finding.message} [{finding.rule}]"),
            harmless(f"  effect: {finding.effect}"),
            harmless(f"  fix: {finding.fix}"),
            sep="\n",
        )
    for stale in findings.stale:
        print(harmless(f"Stale: {stale}"))
    if checked:
        print(f"{counted(len(findings.all), 'finding')} in {checked}\n", flush=True)

"""What a gate file asks for: what lint, preflight and plan find, and how that is told."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pindrill.drills.drilling import Tally, wholly_unsupported
from pindrill.gate.gate_file import GateFile
from pindrill.gate.outcome import PLAN_UNKNOWN, PLAN_VIOLATED, Baseline, Findings, cell
from pindrill.keyring import VERSIONS
from pindrill.pinfiles import LintFinding, Severity, read_all
from pindrill.pinfiles.lint import lint
from pindrill.preflight import Status, check, read_chain, read_trust
from pindrill.preflight.model import VIOLATED, WORDS
from pindrill.preflight.plan_text import day
from pindrill.preflight.reviewed import reviewed
from pindrill.reports import junit, junit_pins, sarif
from pindrill.reports.pins_text import finding_lines
from pindrill.reports.plain import counted, harmless
from pindrill.reports.run import Run
from pindrill.results.finding import finding_of
from pindrill.results.line import ResultLine
from pindrill.results.stored import read_stored


def all_found(file: GateFile) -> list[LintFinding]:
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


def junit_of(file: GateFile, findings: Findings, lines: Sequence[ResultLine]) -> str:
    files = [*file.pin_files, *([file.plan] if file.plan else [])]
    return junit_pins.with_pin_files(
        junit.render(Run(lines=lines)), [str(path) for path in files], findings.failing, findings.unsaid
    )


def checked_of(file: GateFile) -> str:
    parts = [counted(len(file.pin_files), "pin file")] if file.pin_files else []
    return " and ".join([*parts, *(["1 plan"] if file.plan else [])])


def doubts_of(tally: Tally, lines: Sequence[ResultLine], troubles: Sequence[str]) -> list[str]:
    return [
        *(["the drill was interrupted"] if tally.interrupted else []),
        *(f"{client}: it can do none of its cells" for client in sorted(wholly_unsupported(lines))),
        *filter(None, troubles),
    ]


def read_baseline(path: Path) -> Baseline:
    stored = read_stored([path])
    return Baseline(
        name=str(path),
        findings=stored.findings,
        verdicts={cell(line): line.verdict for line in stored},
    )


def sarif_of(file: GateFile, findings: Findings, lines: Sequence[ResultLine]) -> str:
    run = Run(
        lines=lines,
        findings=[finding_of(finding.to_json()) for finding in findings.all],
        pindrill=VERSIONS[0],
        given_files=file.files_of_clients,
        root=PurePosixPath(Path.cwd()),
    )
    return sarif.render(run)


def print_findings(findings: Findings, checked: str) -> None:
    for finding in findings.all:
        print("\n".join(finding_lines(finding)))
    for stale in findings.stale:
        print(harmless(f"Stale: {stale}"))
    if checked:
        print(f"{counted(len(findings.all), 'finding')} in {checked}\n", flush=True)

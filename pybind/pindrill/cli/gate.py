"""`pindrill gate`: lint, preflight and drill from one file, with one answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from pindrill.cli.options import EditHosts, JunitFile, takes
from pindrill.drills import drilling
from pindrill.drills.drilling import Tally, drill_all
from pindrill.drills.place import enter_place
from pindrill.drills.subjects import refuse_strategies_without_pins
from pindrill.gate.gate_file import NAME, read_gate_file
from pindrill.gate.outcome import exit_code, sentence, sort_findings
from pindrill.gate.running import all_found, checked_of, doubts_of, junit_of, print_findings, read_baseline, sarif_of
from pindrill.interruption import Started
from pindrill.machine.outputs import refuse_unwritable, written
from pindrill.reports import text
from pindrill.reports.terminal import standard_console
from pindrill.results.file import ResultFile
from pindrill.results.finding import finding_of
from pindrill.results.newest import latest


@dataclass(frozen=True, kw_only=True)
class GateWords:
    config: Annotated[Path, typer.Option(help="What is to be checked; `pindrill init` writes it.")] = Path(NAME)
    baseline: Annotated[
        Path | None, typer.Option(help="The --json file of an earlier gate: only what is new since fails.")
    ] = None
    json_file: Annotated[Path | None, typer.Option("--json", help="Findings and results, a JSON line each.")] = None
    junit_file: JunitFile = None
    sarif_file: Annotated[Path | None, typer.Option("--sarif", help="Write a SARIF file here.")] = None
    edit_hosts: EditHosts = False


@takes(GateWords)
def gate(words: GateWords) -> None:
    """Check pin files, the next certificates and the clients as pindrill.toml says.

    Exit code 0: as expected; 1: something is violated, or an expected deviation no longer happens; 2: usage; 3: nothing
    is violated, but something could not be judged.
    """
    file = read_gate_file(words.config)
    asked = replace(file.asked, edit_hosts=words.edit_hosts)
    refuse_strategies_without_pins(file.subjects, asked.strategies, asked.pinned, asked.keyring)
    before = read_baseline(words.baseline) if words.baseline else None
    for each in filter(None, (words.junit_file, words.sarif_file)):
        refuse_unwritable(each)
    path, checked = words.json_file, checked_of(file)
    with Started() as stack:
        # Executes this program again, so nothing is printed before.
        place = enter_place(file.subjects, asked.edit_hosts, stack) if file.subjects else None
        findings = sort_findings(all_found(file), file.expected, file.fail_on, before)
        print_findings(findings, checked)
        results = stack.start(lambda: ResultFile(path, resume=False), ResultFile.close) if path else None
        if results:
            for finding in findings.all:
                results.append(finding_of(finding.to_json()))
        tally = Tally()
        if place:
            tally = drill_all(file.subjects, asked, place, results, excuse=before.excuse if before else None)
    lines = latest(tally.lines)
    if file.subjects:
        text.print_report(standard_console(), lines, tally.stale, tally.interrupted)
    code = exit_code(findings, drilling.exit_code_of(lines, tally) if file.subjects else None)
    troubles = [results.trouble] if results else []
    if words.junit_file:
        troubles.append(written(words.junit_file, junit_of(file, findings, lines)))
    if words.sarif_file:
        troubles.append(written(words.sarif_file, sarif_of(file, findings, lines)))
    code = drilling.exit_code_with(troubles, code)
    doubts = doubts_of(tally, lines, troubles)
    print(sentence(code, findings, lines, tally.stale, checked, doubts))
    raise typer.Exit(code)

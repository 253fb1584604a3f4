"""`pindrill plan` and `pindrill runbook`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pindrill.cli.preflight import exit_code, until, write_file, write_lines
from pindrill.preflight.forecast import ShareRow, forecast, worst_status
from pindrill.preflight.model import WORDS, Instant, Status, as_datetime
from pindrill.preflight.plan import Plan
from pindrill.preflight.plan_file import read_plan
from pindrill.preflight.review import LockOut, PhaseReview, Reviewer, StepReview, problems
from pindrill.reports import forecast as drawn
from pindrill.reports.forecast_html import render
from pindrill.reports.plain import counted, harmless
from pindrill.reports.runbook import StepFiles
from pindrill.reports.runbook import render as render_runbook


@dataclass(frozen=True)
class Reviewed:
    """Everything that is said about a plan."""

    plan: Plan
    steps: Sequence[StepReview]
    problems: Sequence[LockOut]
    rows: Sequence[ShareRow]

    @property
    def status(self) -> Status:
        return worst_status(self.plan, self.problems, self.rows)

    @property
    def assumed(self) -> list[str]:
        chains = [self.plan.current, *(step.after for step in self.plan.steps)]
        return list(dict.fromkeys(chain.trust.assumed for chain in chains if chain.trust.assumed))

    def to_json(self) -> list[dict[str, Any]]:
        head = {
            "kind": "plan",
            "plan": str(self.plan.path),
            "status": self.status.value,
            "tolerance": self.plan.tolerance,
            "assumed": self.assumed,
        }
        found = [each.to_json() for each in self.steps]
        found += [each.to_json() for each in self.problems]
        found += [each.to_json() for each in self.rows]
        return [head, *found]


def reviewed(path: Path) -> Reviewed:
    plan = read_plan(path)
    reviewer = Reviewer(plan)
    return Reviewed(plan, reviewer.steps(), problems(reviewer), forecast(reviewer))


def plan(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A rotation plan, TOML.")],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the forecast as one HTML page.")] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write JSON Lines here; - is standard output.")
    ] = None,
) -> None:
    """Check a rotation plan step by step and between the steps; say the last safe date of each, and who suffers when.

    Exit code 0: nobody is locked out or unprotected at any time (or not more than the plan tolerates); 1: somebody
    is; 2: usage; 3: could not be judged.
    """
    found = reviewed(file)
    lines = found.to_json()
    write_lines(json_file, lines)
    if html:
        write_file(html, render(lines))
    if json_file != "-":
        print("\n".join(_shown(found)))
    raise typer.Exit(exit_code([found.status]))


def runbook(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="A rotation plan, TOML.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Instead of standard output.")] = None,
) -> None:
    """Write a rotation plan as a Markdown checklist: commands, checks, when to stop, how to go back."""
    found = reviewed(file)
    text = render_runbook(found.to_json(), hosts=found.plan.hosts, steps=_files_of_steps(found))
    if output:
        write_file(output, text)
    else:
        print(text, end="")


def _files_of_steps(found: Reviewed) -> list[StepFiles]:
    files, current = [], str(found.plan.current_file)
    for review in found.steps:
        given = {kind: str(path) for kind, path in vars(review.step.given).items() if path is not None}
        given.pop("issuers", None)
        new = given.get("chain", f"step-{review.step.number}.pem")
        trust = str(found.plan.trust_file or "")
        files.append(StepFiles(pins=_pins(found.plan, review), current=current, new=new, trust=trust, **given))
        current = current if "root" in given else new
    return files


def _pins(plan: Plan, review: StepReview) -> list[str]:
    """Of the versions that are in the field then."""
    there = {phase.version for phase in review.during}
    return list(dict.fromkeys(file.path for each in plan.versions if each.name in there for file in each.files))


def _shown(found: Reviewed) -> Iterator[str]:
    for step in found.steps:
        yield from _step(step, found.plan)
    yield from _between(found.problems)
    if found.rows:
        lines = [row.to_json() for row in found.rows]
        steps = [step.to_json() for step in found.steps]
        yield "\nShare of the field"
        yield from drawn.table(lines, steps)
        yield ""
        yield from drawn.bars(lines, steps)
    for sentence in found.assumed:
        yield harmless(f"assumed: {sentence}")
    tolerated = f", with {found.plan.tolerance:g} % tolerated" if found.plan.tolerance else ""
    yield {
        Status.ACCEPTS: f"the plan locks nobody out and leaves nobody unprotected{tolerated}",
        Status.UNKNOWN: "the plan could not be judged throughout",
    }.get(found.status, f"the plan locks somebody out or leaves somebody unprotected{tolerated}")


def _step(review: StepReview, plan: Plan) -> Iterator[str]:
    step = review.step
    safe = "safe as planned" if review.safe else "NOT SAFE as planned"
    yield harmless(f"Step {step.number}, {day(step.at)}: {step.name} ({step.do}): {safe}")
    if step.issued_later:
        yield "  its certificate is not here yet: a stand-in with its key and issuer was asked"
    yield harmless(f"  {safe_days(review)}")
    for title, phases in (("during", review.during), ("after", review.after), ("back", review.back)):
        if title == "during" and not plan.rollout:
            continue
        yield from (f"  {title:6} {_phase(phase)}" for phase in phases)
    if plan.tickets:
        yield f"  session tickets from before it live until {as_datetime(review.sessions_until):%Y-%m-%d %H:%M}Z"


def safe_days(review: StepReview) -> str:
    if review.first_safe is None:
        return f"no safe day to begin: {review.limit}"
    first = day(review.first_safe)
    if review.last_safe is None:
        return f"safe to begin from {first} on: {review.limit}"
    return f"safe to begin from {first}, last safe date {day(review.last_safe)}: {review.limit}"


def _phase(phase: PhaseReview) -> str:
    said = f"{phase.version}: {WORDS[phase.state.status]}"
    if phase.state.status is not Status.ACCEPTS:
        said += f": {phase.state.reason}"
    if phase.until is not None and phase.then is not None:
        said += f"; {until(phase.until, phase.then)}"
    return str(harmless(said))


def _between(found: Sequence[LockOut]) -> Iterator[str]:
    if not found:
        return
    yield f"\n{counted(len(found), 'time')} at which a version is not accepted"
    for problem in found:
        times = f"{as_datetime(problem.begin):%Y-%m-%d %H:%M}Z to {as_datetime(problem.end):%Y-%m-%d %H:%M}Z"
        some = " by some servers" if problem.partly else ""
        yield harmless(
            f"  {times}  {problem.version}: {WORDS[problem.status]}{some}: {problem.chain}: {problem.reason}"
        )


def day(instant: Instant) -> str:
    """Without a time where it is midnight."""
    moment = as_datetime(instant)
    return f"{moment:%Y-%m-%d}" if instant % 86400 == 0 else f"{moment:%Y-%m-%d %H:%M}Z"

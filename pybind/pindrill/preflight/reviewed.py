"""Everything that is said about a plan, and what its runbook is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pindrill.preflight.forecast import ShareRow, forecast, worst_status
from pindrill.preflight.model import Status
from pindrill.preflight.plan import Plan
from pindrill.preflight.plan_file import read_plan
from pindrill.preflight.review import LockOut, Reviewer, StepReview, problems
from pindrill.reports.runbook import StepFiles


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


def files_of_steps(found: Reviewed) -> list[StepFiles]:
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

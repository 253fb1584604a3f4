"""What a review of a plan found, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pindrill.preflight.model import WORDS, Instant, Status, as_datetime
from pindrill.preflight.plan import Plan
from pindrill.preflight.review import LockOut, PhaseReview, StepReview
from pindrill.preflight.reviewed import Reviewed
from pindrill.preflight.text import until
from pindrill.reports import forecast as drawn
from pindrill.reports.plain import counted, harmless


def shown_plan(found: Reviewed) -> Iterator[str]:
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

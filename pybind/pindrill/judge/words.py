"""What a stage shows, in the words that reasons are made of."""

from __future__ import annotations

from pindrill.classify import REFUSALS, Shape, closing_alert, shape
from pindrill.judge.facts import StageFacts
from pindrill.model import ClientReport, Observation, Said


def shapes_of(facts: StageFacts) -> set[Shape]:
    return {shape(seen, facts.report.ending_at) for seen in facts.seen}


def refused_in_words(facts: StageFacts) -> bool:
    """Every refusal was said within TLS while the client lived: what its process did then is no doubt (T4, T5)."""
    refusals = [seen for seen in facts.seen if shape(seen, facts.report.ending_at) in REFUSALS]
    return bool(refusals) and all(closing_alert(seen) for seen in refusals)


def said_hello(facts: StageFacts) -> bool:
    return any(seen.hello for seen in facts.seen)


def telling(facts: StageFacts) -> Observation:
    """The connection that says most: data, then a refusal, then anything."""
    order = {Shape.DATA: 0, **dict.fromkeys(REFUSALS, 1)}
    return min(facts.seen, key=lambda seen: order.get(shape(seen, facts.report.ending_at), 2))


def told(report: ClientReport) -> str:
    detail = f" ({report.detail})" if report.detail else ""
    return {
        Said.ACCEPTED: "reported success",
        Said.REFUSED: f"reported a refusal{detail}",
        Said.UNSUPPORTED: f"said that it cannot do this{detail}",
        Said.ERROR: f"failed{detail}",
        Said.DIED: f"died{detail}",
        Said.CANNOT_RUN: f"could not be run{detail}",
        Said.TIMEOUT: f"did not end in time{detail}",
        Said.SILENT: "said nothing",
    }[report.said]

"""The HTML report: one self-contained file, readable without a network and, at first view, without a script.

The first view is made by the template; the matrix and the stories are data in the page (compressed JSON), drawn on
demand, so that 100,000 cells stay usable. Data never becomes markup: the script only ever sets text.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pindrill.model import PRECEDENCE, UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.overview import by_client
from pindrill.reports.page import Pages
from pindrill.reports.plain import harmless
from pindrill.reports.run import Run
from pindrill.reports.story import tell
from pindrill.reports.tame import harmless_line
from pindrill.reports.words import ADVICE, MARK, MEANING
from pindrill.results.line import ResultLine

BLOCK = 128
"""Stories that are compressed together, and unpacked when one of them is opened."""
_PAGES = Pages("pindrill.reports")
_SCRIPTS = ("data.js", "story.js", "matrix.js", "main.js")


def render(run: Run) -> str:
    whole = run.overview
    index, blocks = _index_and_blocks(run.lines, run.references)
    return _PAGES.render(
        "report.html",
        style=_PAGES.text("report.css"),
        script=_script(),
        whole=whole,
        broken=by_client(whole.problems, whole.clients),
        unjudged=by_client(whole.unjudged, whole.clients),
        known=by_client(whole.known, whole.clients),
        findings=[harmless_line(each) for each in run.findings],
        meaning=MEANING,
        advice=ADVICE,
        kinds={word: kind(word) for word in VerdictWord},
        index=index,
        blocks=blocks,
    )


def kind(word: VerdictWord) -> str:
    """The class of a verdict, which its colour follows; the word itself is always there too."""
    if word in VIOLATIONS:
        return "wrong"
    if word in UNJUDGED:
        return "unclear"
    return {VerdictWord.PASS: "right", VerdictWord.REPORTED: "told"}.get(word, "not-run")


# --- data ------------------------------------------------------------------------------------------------------


@dataclass
class _Columns:
    """Numbers of all cells, by what they say."""

    subject: list[int] = field(default_factory=list)
    scenario: list[int] = field(default_factory=list)
    tls: list[int] = field(default_factory=list)
    round: list[int] = field(default_factory=list)
    verdict: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)


@dataclass
class _Names:
    """Numbers for names, in the order in which they turn up."""

    number: dict[Any, int] = field(default_factory=dict)

    def of(self, name: Any) -> int:
        return self.number.setdefault(name, len(self.number))


def _index_and_blocks(lines: Sequence[ResultLine], references: Mapping[str, Sequence[str]]) -> tuple[str, list[str]]:
    subjects, scenarios, versions = _Names(), _Names(), _Names()
    versions_of: dict[str, str] = {}
    texts: dict[str, dict[str, Any]] = {}
    cells = _Columns()
    blocks: list[str] = []
    stories: list[Any] = []
    for line in lines:
        client, scenario = harmless(line.client), line.scenario
        versions_of.setdefault(client, harmless(line.client_version))
        texts.setdefault(scenario, _scenario(line, references.get(scenario, ())))
        cells.subject.append(subjects.of((client, line.strategy)))
        cells.scenario.append(scenarios.of(scenario))
        cells.tls.append(versions.of(line.tls))
        cells.round.append(line.round)
        cells.verdict.append(PRECEDENCE.index(line.verdict))
        cells.known.append(int(bool(line.known)))
        stories.append(tell(line))
        if len(stories) == BLOCK:
            blocks.append(pack(stories))
            stories = []
    if stories:
        blocks.append(pack(stories))
    index = {
        "subjects": [
            {"client": client, "strategy": strategy, "version": versions_of[client]}
            for client, strategy in subjects.number
        ],
        "scenarios": [texts[scenario] for scenario in scenarios.number],
        "tls": list(versions.number),
        "verdicts": [
            {
                "word": word,
                "mark": MARK[word],
                "meaning": MEANING[word],
                "advice": ADVICE[word],
                "kind": kind(word),
            }
            for word in PRECEDENCE
        ],
        "cells": cells,
        "block": BLOCK,
    }
    return pack(index), blocks


def _scenario(line: ResultLine, references: Sequence[str]) -> dict[str, Any]:
    return {
        "id": line.scenario,
        "code": line.code,
        "summary": harmless(line.summary),
        "catches": harmless(line.catches),
        "read": [{"text": text, "link": link(text)} for text in references],
    }


def link(reference: str) -> str | None:
    """Where a reference can be read; None: it is no document with a stable address."""
    if found := re.match(r"RFC (\d+)(?: section ([\d.]+))?$", reference):
        section = f"#section-{found[2]}" if found[2] else ""
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{section}"
    if re.fullmatch(r"CVE-\d{4}-\d+", reference):
        return f"https://www.cve.org/CVERecord?id={reference}"
    return None


def pack(value: Any) -> str:
    """Deflated JSON in base64, which nothing in it can break out of."""
    text = json.dumps(value, default=vars, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 6)).decode()


# --- the page --------------------------------------------------------------------------------------------------


@cache
def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(_PAGES.text(name) for name in _SCRIPTS) + "})();\n"

"""SARIF 2.1.0: lint findings, and violated cells of clients that have a file in the repository.

Rule ids, relative paths and fingerprints are stable, so that a code-scanning alert is the same one in the next run.
What has no file is no result there: it becomes a notification, so that an empty list of results never looks clean.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from pindrill.model import UNJUDGED, VIOLATIONS
from pindrill.reports.plain import counted, harmless, relative
from pindrill.reports.run import Run
from pindrill.reports.tame import harmless_line
from pindrill.reports.words import ADVICE, MEANING
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine

SarifObject = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "pindrill/v1"
_LEVEL = {"error": "error", "warning": "warning", "info": "note"}


def render(run: Run) -> str:
    rules: dict[str, SarifObject] = {}
    results = [_finding(finding, rules, run.root) for finding in map(harmless_line, run.findings)]
    notes: list[SarifObject] = []
    cells, homeless, unjudged = _cells(run, rules)
    results += cells
    if homeless:
        text = f"{counted(len(homeless), 'violated cell')} of clients without a file: {_some(homeless)}"
        notes.append(_note("cells-without-file", "error", text))
    if unjudged:
        text = f"{counted(len(unjudged), 'cell')} could not be judged: {_some(unjudged)}"
        notes.append(_note("cells-not-judged", "warning", text))
    _add_fingerprints(results)
    ids = list(rules)
    for result in results:
        result["ruleIndex"] = ids.index(result["ruleId"])
    made = {
        "tool": {"driver": {"name": "pindrill", "version": run.pindrill, "rules": list(rules.values())}},
        "invocations": [{"executionSuccessful": not unjudged, "toolExecutionNotifications": notes}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [made]}, indent=1) + "\n"


def _finding(finding: FindingLine, rules: dict[str, SarifObject], root: PurePosixPath | None) -> SarifObject:
    level = _LEVEL[finding.severity]
    rule = f"pins/{finding.rule}"
    tags = ["security", *finding.owasp]
    rules.setdefault(rule, _rule(rule, finding.rule.replace("-", " "), finding.fix, level, tags))
    parts = (finding.message, finding.effect, finding.fix and f"Fix: {finding.fix}")
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": "\n".join(part for part in parts if part)},
        "locations": [_location(finding.file, finding.line, root)],
        "partialFingerprints": {FINGERPRINT: "|".join((rule, relative(finding.file, root), _steady(finding)))},
    }


def _steady(finding: FindingLine) -> str:
    """Without line and numbers: an alert stays the same when lines are added above it, or a day goes by."""
    return re.sub(r"\d+", "#", finding.message)


def _cells(run: Run, rules: dict[str, SarifObject]) -> tuple[list[SarifObject], list[str], list[str]]:
    """Results; names of violated cells without a file; names of cells that were not judged."""
    groups: dict[tuple[str, ...], list[ResultLine]] = {}
    homeless, unjudged = [], []
    for line in run.lines:
        word = line.verdict
        name = f"{line.client} {line.scenario} TLS {line.tls}: {word}"
        if line.known:
            continue
        if word in UNJUDGED:
            unjudged.append(harmless(name))
        elif word in VIOLATIONS and line.client not in run.file_of:
            homeless.append(harmless(name))
        elif word in VIOLATIONS:
            key = (line.client, line.scenario, line.strategy, word)
            groups.setdefault(key, []).append(line)
    return [_cell(group, rules, run) for group in groups.values()], homeless, unjudged


def _cell(group: Sequence[ResultLine], rules: dict[str, SarifObject], run: Run) -> SarifObject:
    line = harmless_line(group[0])
    word = line.verdict
    rule = f"drill/{line.scenario}"
    rules.setdefault(rule, _rule(rule, line.summary, f"Catches {line.catches}.", "error", ["security"]))
    versions = " and ".join(dict.fromkeys(each.tls for each in group))
    strategy = f", pins {line.strategy}" if line.strategy != "-" else ""
    text = (
        f"{line.client}: {word}, that is: {MEANING[word]} ({line.code}{strategy}, TLS {versions}).\n"
        f"{line.reason}\nFix: {ADVICE[word]}\nRepeat: {line.repeat}"
    )
    file = run.file_of[group[0].client]
    identity = "|".join((rule, relative(file, run.root), line.client, line.strategy, word))
    return {
        "ruleId": rule,
        "level": "error",
        "message": {"text": text},
        "locations": [_location(file, None, run.root)],
        "partialFingerprints": {FINGERPRINT: identity},
    }


def _rule(rule: str, short: str, help_: str, level: str, tags: Sequence[str]) -> SarifObject:
    return {
        "id": rule,
        "name": "".join(part.capitalize() for part in rule.replace("/", "-").split("-")),
        "shortDescription": {"text": short},
        "help": {"text": help_ or short},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": list(tags)},
    }


def _location(file: str, line: int | None, root: PurePosixPath | None) -> SarifObject:
    physical: SarifObject = {"artifactLocation": {"uri": quote(relative(file, root), safe="/")}}
    # An alert without a line is not shown by every reader: the first one stands for the whole file.
    physical["region"] = {"startLine": line or 1}
    return {"physicalLocation": physical}


def _note(id_: str, level: str, text: str) -> SarifObject:
    return {"descriptor": {"id": id_}, "level": level, "message": {"text": text}}


def _some(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more


def _add_fingerprints(results: Sequence[SarifObject]) -> None:
    """Digests of what identifies a result; the same thing twice in a file is told apart by its turn."""
    seen: Counter[str] = Counter()
    for result in results:
        identity = result["partialFingerprints"][FINGERPRINT]
        seen[identity] += 1
        text = f"{identity}|{seen[identity]}"
        result["partialFingerprints"] = {FINGERPRINT: hashlib.sha256(text.encode()).hexdigest()[:32]}

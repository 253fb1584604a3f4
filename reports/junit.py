"""JUnit XML: one test case a cell; failure, error and skipped told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from pindrill.model import UNJUDGED, VIOLATIONS, VerdictWord

# XML 1.0 section 2.2: what a peer sent may hold characters that no XML file may.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(lines: Sequence[Mapping[str, Any]]) -> str:
    suites = ElementTree.Element("testsuites", name="pindrill")
    for client in dict.fromkeys(line["client"] for line in lines):
        mine = [line for line in lines if line["client"] == client]
        suite = ElementTree.SubElement(
            suites, "testsuite", attrib={"name": _clean(f"pindrill.{client}"), **_counts(mine)}
        )
        for line in mine:
            _case(suite, line)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _counts(lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    outcomes = [_outcome(line) for line in lines]
    seconds = sum(line["client_seconds"] for line in lines)
    return {
        "tests": str(len(lines)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{seconds:.3f}",
    }


def _outcome(line: Mapping[str, Any]) -> str:
    word = VerdictWord(line["verdict"])
    if word is VerdictWord.UNSUPPORTED or line.get("known"):
        return "skipped"
    if word in VIOLATIONS:
        return "failure"
    return "error" if word in UNJUDGED else "passed"


def _case(suite: ElementTree.Element, line: Mapping[str, Any]) -> None:
    name = f"{line['scenario']} [{line['strategy']}, TLS {line['tls']}]"
    if line["round"]:
        name += f" #{line['round'] + 1}"
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=_clean(name),
        classname=_clean(f"pindrill.{line['client']}.{line['scenario'].partition('/')[0]}"),
        time=f"{line['client_seconds']:.3f}",
    )
    properties = ElementTree.SubElement(case, "properties")
    for key in ("code", "verdict", "expected", "attribution", "repeat"):
        ElementTree.SubElement(properties, "property", name=key, value=_clean(str(line[key])))
    outcome = _outcome(line)
    if outcome == "passed":
        return
    known = line.get("known")
    message = f"{line['verdict']}: {line['reason']}" + (f" (known: {known['reason']})" if known else "")
    element = ElementTree.SubElement(case, outcome, message=_clean(message))
    if outcome != "skipped":
        element.set("type", line["verdict"])
        element.text = _clean(f"{line['summary']}\n{line['reason']}\nrepeat: {line['repeat']}\n")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)

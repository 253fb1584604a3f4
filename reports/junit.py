"""JUnit XML: one test case a cell; failure, error and skipped told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from pindrill.model import UNJUDGED, VIOLATIONS, VerdictWord
from pindrill.reports.plain import harmless
from pindrill.reports.run import Run
from pindrill.results.line import ResultLine

_EVIDENCE = ("code", "verdict", "expected", "attribution", "reason", "repeat")


def render(run: Run) -> str:
    suites = ElementTree.Element("testsuites", name="pindrill")
    tallies: dict[str, _Tally] = {}
    for line in run.lines:
        client = line.client
        if client not in tallies:
            suite = ElementTree.SubElement(suites, "testsuite", name=_clean(f"pindrill.{client}"))
            tallies[client] = _Tally(suite)
        _case(tallies[client].suite, line)
        tallies[client].count(line)
    for tally in tallies.values():
        tally.suite.attrib.update(tally.attributes())
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


@dataclass
class _Tally:
    suite: ElementTree.Element
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def count(self, line: ResultLine) -> None:
        self.outcomes[_outcome(line)] += 1
        self.seconds += line.client_seconds

    def attributes(self) -> dict[str, str]:
        return {
            "tests": str(self.outcomes.total()),
            "failures": str(self.outcomes["failure"]),
            "errors": str(self.outcomes["error"]),
            "skipped": str(self.outcomes["skipped"]),
            "time": f"{self.seconds:.3f}",
        }


def _outcome(line: ResultLine) -> str:
    word = line.verdict
    if word is VerdictWord.UNSUPPORTED or line.known:
        return "skipped"
    if word in VIOLATIONS:
        return "failure"
    return "error" if word in UNJUDGED else "passed"


def _case(suite: ElementTree.Element, line: ResultLine) -> None:
    name = f"{line.scenario} [{line.strategy}, TLS {line.tls}]"
    if line.round:
        name += f" #{line.round + 1}"
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=_clean(name),
        classname=_clean(f"pindrill.{line.client}.{line.scenario.partition('/')[0]}"),
        time=f"{line.client_seconds:.3f}",
    )
    outcome = _outcome(line)
    if outcome != "passed":
        _tell_outcome(case, line, outcome)
    # Not as properties: the schema that Jenkins' xUnit plugin checks files against has none in a test case.
    evidence = ElementTree.SubElement(case, "system-out")
    evidence.text = _told(line, _EVIDENCE)


def _tell_outcome(case: ElementTree.Element, line: ResultLine, outcome: str) -> None:
    message = f"{line.verdict}: {line.reason}" + (f" (known: {line.known.reason})" if line.known else "")
    element = ElementTree.SubElement(case, outcome, message=_clean(message))
    if outcome != "skipped":
        element.set("type", line.verdict)
        element.text = _told(line, ("summary", "reason", "repeat"))


def _told(line: ResultLine, names: Iterable[str]) -> str:
    return "".join(f"{name}: {harmless(getattr(line, name))}\n" for name in names)


def _clean(text: str) -> str:
    """Without characters that no XML file may hold (XML 1.0 section 2.2), and on one line."""
    return str(harmless(text))

"""JUnit of a gate: beside the clients' suites one for the pin files, a test case each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from xml.etree import ElementTree

from pindrill.reports.plain import harmless, opened


class FindingLike(Protocol):
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def rule(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def fix(self) -> str: ...


def with_pin_files(
    suites: str, files: Sequence[str], failing: Sequence[FindingLike], unsaid: Sequence[FindingLike]
) -> str:
    """`suites`: the JUnit text of the clients. Failing findings fail their file; what cannot be said is an error."""
    if not files:
        return suites
    root = ElementTree.fromstring(suites)  # noqa: S314  (our own text)
    counts = {
        "tests": len(files),
        "failures": sum(any(each.file == file for each in failing) for file in files),
        "errors": sum(
            any(each.file == file for each in unsaid) and not any(each.file == file for each in failing)
            for file in files
        ),
        "skipped": 0,
    }
    suite = ElementTree.Element("testsuite", name="pindrill.pins", time="0.000")
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    root.insert(0, suite)
    for file in files:
        case = ElementTree.SubElement(suite, "testcase", name=harmless(file), classname="pindrill.pins", time="0.000")
        for kind, found in (("failure", failing), ("error", unsaid)):
            mine = [each for each in found if each.file == file]
            if mine:
                element = ElementTree.SubElement(case, kind, message=_told(mine[0]), type=mine[0].rule)
                element.text = "\n".join(f"{opened(_told(each))}\nfix: {harmless(each.fix)}" for each in mine)
                break
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _told(finding: FindingLike) -> str:
    return str(harmless(f"{finding.file}:{finding.line}: {finding.message} [{finding.rule}]"))

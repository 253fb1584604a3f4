"""The formats of a report, by the names that `pindrill report --format` takes. A format is a module and its entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pindrill.reports import github, html, junit, markdown, sarif, text
from pindrill.reports.run import Run


@dataclass(frozen=True)
class ReportFormat:
    render: Callable[[Run], str | bytes]
    shows_findings: bool = True
    """A run with findings of pin files is refused by one that has no place for them."""
    for_terminals: bool = True
    summary: Callable[[Run], str] | None = None
    """What GitHub shows beside it: the summary of a step."""


FORMATS: Mapping[str, ReportFormat] = {
    "html": ReportFormat(html.render, for_terminals=False),
    "junit": ReportFormat(junit.render, shows_findings=False),
    "sarif": ReportFormat(sarif.render),
    "markdown": ReportFormat(markdown.render),
    "github": ReportFormat(github.render, summary=github.summary),
    "text": ReportFormat(text.render, shows_findings=False),
}

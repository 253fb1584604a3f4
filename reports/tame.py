"""Whole lines without what steers a terminal or turns the direction of text."""

from __future__ import annotations

import re
from typing import TypeVar

from pindrill.reports.plain import harmless
from pindrill.results.audit_line import AuditLine
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine, with_texts

_Line = TypeVar("_Line", ResultLine, FindingLine, AuditLine)
# What JSON shows of characters that may not be harmless: beyond ASCII, or behind a backslash that none stands before.
_UNUSUAL = re.compile(rb'[\x7f-\xff]|(?<!\\)(?:\\\\)*\\[^"\\]')
_UNUSUAL_IN_OUTPUT = re.compile(rb'[\x7f-\xff]|(?<!\\)(?:\\\\)*\\[^"\\nt]')


def harmless_line(line: _Line) -> _Line:
    return with_texts(line, harmless, where=_UNUSUAL)


def harmless_output(line: _Line) -> _Line:
    """With the line ends and tabs of what a client printed."""
    return with_texts(line, lambda plain: harmless(plain, keep="\n\t"), where=_UNUSUAL_IN_OUTPUT)

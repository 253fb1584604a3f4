"""What goes wrong, told on standard error."""

from __future__ import annotations

import sys

from pindrill.reports.plain import harmless


def complain(text: object) -> None:
    """Each line with our name before it: text of others in it is no line of its own."""
    for line in str(harmless(str(text), keep="\n")).split("\n"):
        print(f"pindrill: {line}".rstrip(), file=sys.stderr)

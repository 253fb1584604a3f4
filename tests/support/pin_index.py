"""The tables of docs/pin-formats/README.md, from the formats and rules themselves. Run as a program it writes them:
`PYTHONPATH=tests .venv/bin/python -m support.pin_index`."""

from __future__ import annotations

import re
from pathlib import Path

from pindrill.pinfiles import PinFormat
from pindrill.pinfiles.formats import FORMATS, RULES

INDEX = Path(__file__).parents[2] / "docs" / "pin-formats" / "README.md"
_FORMATS = "| Format | Name for `--to` and `--from` | Written |\n|---|---|---|\n"
_RULES = "| Rule | Usually | Why | OWASP |\n|---|---|---|---|\n"


def current(text: str) -> str:
    """With the tables as they are to be."""
    for head, rows in ((_FORMATS, _formats()), (_RULES, _rules())):
        before, found, after = text.partition(head)
        assert found, f"no table that begins with {head}"
        text = before + found + "".join(f"{row}\n" for row in rows) + re.sub(r"\A(\|.*\n)*", "", after)
    return text


def _formats() -> list[str]:
    """A line a page."""
    pages: dict[str, list[PinFormat]] = {}
    for form in FORMATS:
        pages.setdefault(form.page, []).append(form)
    return [
        f"| [{', '.join(form.title for form in forms)}]({page}) | {', '.join(f'`{form.name}`' for form in forms)} "
        f"| {'yes' if all(form.writer for form in forms) else 'no'} |"
        for page, forms in pages.items()
    ]


def _rules() -> list[str]:
    return [f"| `{rule.id}` | {rule.severity} | {rule.why} | {', '.join(rule.owasp)} |" for rule in RULES.values()]


if __name__ == "__main__":
    INDEX.write_text(current(INDEX.read_text()))

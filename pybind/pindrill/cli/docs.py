"""`pindrill docs`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pindrill.model import UsageError
from pindrill.shipped import shipped


def docs(page: Annotated[str | None, typer.Argument(help="Print this page, such as `clients`.")] = None) -> None:
    """Say where the documentation and the helper for adapters are on this machine, or print a page."""
    folder = shipped("docs")
    pages = {str(path.relative_to(folder).with_suffix("")): path for path in sorted(folder.rglob("*.md"))}
    if page is None:
        print(f"pages: {folder}")
        for name, path in pages.items():
            print(f"  {name:24} {_title(path)}")
        adapter = find_spec("pindrill.adapter")
        print(f"a loop for adapters in Python, to import or to copy: {adapter.origin if adapter else 'not here'}")
    elif page.removesuffix(".md") in pages:
        print(pages[page.removesuffix(".md")].read_text(), end="")
    else:
        raise UsageError(f"there is no page '{page}'; there are: {', '.join(pages)}")


def _title(path: Path) -> str:
    return path.read_text().partition("\n")[0].lstrip("# ")

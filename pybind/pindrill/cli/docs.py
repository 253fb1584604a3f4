"""`pindrill docs`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from pindrill.model import UsageError
from pindrill.shipped import pages, shipped, title_of


def docs(page: Annotated[str | None, typer.Argument(help="Print this page, such as `clients`.")] = None) -> None:
    """Say where the documentation and the helper for adapters are on this machine, or print a page."""
    found = pages()
    if page is None:
        print(f"pages: {shipped('docs')}")
        for name, path in found.items():
            print(f"  {name:24} {title_of(path)}")
        adapter = find_spec("pindrill.adapter")
        print(f"a loop for adapters in Python, to import or to copy: {adapter.origin if adapter else 'not here'}")
    elif text := found.get(page.removesuffix(".md")):
        print(text.read_text(), end="")
    else:
        raise UsageError(f"there is no page '{page}'; there are: {', '.join(found)}")

"""What the HTML pages share: templates that lie beside their code, and hashes that allow nothing but their own text."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from pindrill.reports.plain import counted


class Pages:
    """The templates of one package; every value that is put into them is escaped."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._environment = Environment(
            loader=FunctionLoader(self.text),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["counted"] = counted

    def text(self, name: str) -> str:
        return _read(self._package, name)

    def render(self, name: str, *, style: str = "", script: str = "", **values: Any) -> str:
        """`style` and `script` are texts of ours: they go in as they are, with the hashes for a security policy."""
        return self._environment.get_template(name).render(
            style=Markup(style),  # noqa: S704
            style_hash=csp_hash(style),
            script=Markup(script),  # noqa: S704
            script_hash=csp_hash(script),
            **values,
        )


def csp_hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script (CSP level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath("templates", name).read_text()

"""The optional parts of an installation: what each needs, and how to install what is missing."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator

EXTRA_OF = {
    "dnslib": "audit",
    "h11": "audit",
    "wsproto": "audit",
    "multipart": "station",
    "python_multipart": "station",
    "segno": "station",
    "starlette": "station",
    "uvicorn": "station",
    "certifi": "pins",
    "defusedxml": "pins",
    "publicsuffixlist": "pins",
    "pyaxmlparser": "pins",
    "yaml": "pins",
}
"""By the name of the module that is imported."""
_REQUIREMENT = re.compile(r"([^;]+?)\s*;\s*extra == ['\"](\w+)['\"]")
_OWN = re.compile(r"pindrill\[([\w, ]+)\]")


def extra_of(missing: ImportError) -> str:
    """The extra that a module which could not be imported comes with; empty: it belongs to none."""
    return EXTRA_OF.get((missing.name or "").partition(".")[0], "")


def advice(what: str, extra: str) -> str:
    """`what` needs the extra. Nothing is said of installing pindrill by its name: a public index may have another."""
    command = [sys.executable, "-m", "pip", "install", *requirements(extra)]
    return (
        f"{what} needs the extra '{extra}', which is not installed. To install what belongs to it:\n"
        f"  {shlex.join(command)}\n"
        f"or install pindrill's wheel with it: 'PATH-OF-THE-WHEEL[{extra}]'"
    )


def requirements(extra: str) -> list[str]:
    """As the metadata of the installation have them, with those of the extras that it includes."""
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415 - every command would wait for it

    try:
        declared = requires("pindrill") or []
    except PackageNotFoundError:
        declared = []
    return list(dict.fromkeys(_expanded(extra, declared)))


def _expanded(extra: str, declared: list[str]) -> Iterator[str]:
    for text in declared:
        found = _REQUIREMENT.fullmatch(text.strip())
        if not found or found[2] != extra:
            continue
        if own := _OWN.fullmatch(found[1]):
            for name in own[1].split(","):
                yield from _expanded(name.strip(), declared)
        else:
            yield found[1]

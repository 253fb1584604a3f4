"""The command line options and ini keys; each option has the ini key of the same name."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

_SETS = ("all", "core")


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("pindrill", "certificate pinning")
    for name, meta, default, text in (
        ("set", "|".join(_SETS), "all", "the scenarios of a mark that names none"),
        ("deadline", "SECONDS", "10", "for one attempt of a client"),
        ("keyring", "DIR", "", "kept keys, for clients whose pins are compiled in"),
        ("json", "FILE", "", "write a JSON line for every cell here, as `pindrill drill --json` does"),
    ):
        group.addoption(f"--pindrill-{name}", metavar=meta, default=None, help=f"{text} (ini: pindrill_{name})")
        parser.addini(f"pindrill_{name}", help=text, default=default)


def option(config: pytest.Config, name: str) -> str:
    given = config.getoption(f"--pindrill-{name}")
    return str(config.getini(f"pindrill_{name}") if given is None else given)


def path_option(config: pytest.Config, name: str) -> Path | None:
    """An option is relative to where pytest was started, an ini key to the file that it stands in."""
    given = config.getoption(f"--pindrill-{name}")
    if given is not None:
        return config.invocation_params.dir / given if given else None
    in_file = str(config.getini(f"pindrill_{name}"))
    return (config.inipath.parent if config.inipath else config.rootpath) / in_file if in_file else None


def check(config: pytest.Config) -> None:
    """Before anything is collected."""
    if (which := option(config, "set")) not in _SETS:
        raise pytest.UsageError(f"--pindrill-set (ini: pindrill_set) is all or core, not '{which}'")
    deadline(config)


def deadline(config: pytest.Config) -> float:
    text = option(config, "deadline")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise pytest.UsageError(
            f"--pindrill-deadline (ini: pindrill_deadline) is a number of seconds above 0, not '{text}'"
        )
    return seconds

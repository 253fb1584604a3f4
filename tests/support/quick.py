"""The tests of `ci/quick`: those that start no client. As a plugin (`-p support.quick`) it fails a test that does; as a
program it prints the files, from the top of the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

QUICK = (
    "audit_compare",
    "audit_natures",
    "audit_pinned",
    "audit_pinned_trust",
    "audit_pump",
    "audit_readable",
    "audit_readable_limits",
    "audit_readings",
    "audit_schedule",
    "audit_verdict",
    "callable_client",
    "classify",
    "forecast",
    "forge",
    "judge",
    "layering",
    "mitm_channel",
    "oracle_catalogue",
    "pinfiles_archives",
    "pinfiles_chain",
    "pinfiles_formats",
    "pinfiles_lint",
    "pins",
    "plan",
    "precedence",
    "preflight",
    "quick",
    "report_compare",
    "report_formats",
    "report_words",
    "rotations",
    "scenarios",
    "shapes",
    "story",
    "told_command",
)
ELSEWHERE = {
    "client_file": "version commands",
    "client_output": "commands",
    "interrupted_steps": "commands",
    "listener_budgets": "takes its time",
    "pinfiles_linear": "takes minutes",
}
"""Files that name no program, and why they are not quick all the same."""
MAY_START = frozenset({"openssl", "git"})
"""They say what a certificate or a configuration is; no client of a server."""
_STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.forkpty", "os.system"})
_watching = False


def files() -> list[Path]:
    return [Path(__file__).parents[1] / f"test_{name}.py" for name in QUICK]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """While a test runs, with its fixtures; what starts the workers of xdist is not of a test."""
    global _watching  # noqa: PLW0603 - an audit hook cannot be taken away
    _watching = True
    try:
        return (yield)
    finally:
        _watching = False


def refuse_programs(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook."""
    if event not in _STARTS:
        return
    program = arguments[0] if arguments else event
    if program is None:  # Popen: the first word of the command
        program = arguments[1][0]
    if os.path.basename(os.fsdecode(program)) not in MAY_START:
        pytest.fail(f"a quick test starts {program}: take its file out of support/quick.py, or the program out of it")


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching:
        refuse_programs(event, arguments)


def pytest_configure() -> None:
    sys.addaudithook(hear)


if __name__ == "__main__":
    if gone := [path.name for path in files() if not path.exists()]:
        sys.exit(f"support/quick.py names files that are not there: {', '.join(gone)}")
    print(*(f"tests/{path.name}" for path in files()))

"""Files that a command was asked to write."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pindrill.model import UsageError


def refuse_unwritable(path: Path, *, mode: int = 0o666) -> None:
    """Now, not after the whole drill. `mode`: of a file that is not there yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def written(path: Path, text: str) -> str:
    """Why it could not be, empty if it was: the report comes all the same."""
    try:
        path.write_text(text)
    except OSError as error:
        return f"{path}: {error.strerror}; it is not whole"
    return ""


def write_file(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def write_lines(target: str | None, lines: Sequence[dict[str, Any]]) -> None:
    """To a file, to standard output for `-`, nowhere for nothing."""
    text = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)
    if target == "-":
        sys.stdout.write(text)
    elif target:
        write_file(Path(target), text)

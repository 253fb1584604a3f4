"""What is asked for on the command line about pin files, as values; UsageError says what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pindrill.keyring import InputError
from pindrill.model import UsageError
from pindrill.pem import read_pem
from pindrill.pinfiles import PinFile, PinFormat, read_all
from pindrill.pinfiles.chains import certificates, shown_chain
from pindrill.pinfiles.formats import FORMAT
from pindrill.pinfiles.losses import DROPPABLE, LossKind, Position


def read_files(files: Sequence[Path]) -> list[PinFile]:
    return [found for file in files for found in read_all(file)]


def read_chosen(file: Path, source: str | None) -> PinFile:
    found = [each for each in read_all(file) if source is None or each.format is read_format(source)]
    if len(found) != 1:
        formats = ", ".join(each.format.name for each in read_all(file))
        raise UsageError(f"{file}: holds {formats}; choose one with --from")
    return found[0]


def read_chain(file: Path | None, live: str | None) -> list[Any]:
    if file is None and live is None:
        return []
    try:
        return certificates(shown_chain(live) if live else read_pem(file or Path()))
    except InputError as error:
        raise UsageError(f"{live or file}: {error}") from error


def read_format(text: str) -> PinFormat:
    try:
        return FORMAT[text]
    except KeyError as error:
        raise UsageError(f"no format is called '{text}'; there are: {', '.join(FORMAT)}") from error


def read_position(text: str | None) -> Position | None:
    if text is None or text in get_args(Position):
        return text  # type: ignore[return-value]
    raise UsageError(f"--pins-are is leaf or ca, not '{text}'")


def read_kind(text: str) -> LossKind:
    for kind in DROPPABLE:
        if kind == text:
            return kind
    raise UsageError(f"--drop is one of {', '.join(DROPPABLE)}, not '{text}'")

"""The parts of one run, drilled with --shard, become a whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pindrill.model import UsageError
from pindrill.results.file import ResultFile
from pindrill.results.line import ResultLine, text_of
from pindrill.results.stored import Stored


def missing_parts(lines: Iterable[ResultLine]) -> list[str]:
    """Parts of which there is no line, by client. UsageError: they are of different runs."""
    seen: dict[str, set[int]] = {}
    of: dict[str, int] = {}
    for line in lines:
        if not line.shard:
            continue
        index, count = map(int, line.shard.split("/"))
        if of.setdefault(line.client, count) != count:
            raise UsageError(
                f"{line.client}: parts of {of[line.client]} and of {count} are of different runs; merge one run"
            )
        seen.setdefault(line.client, set()).add(index)
    return [
        f"{client}: no line of shard {index}/{count}: it was not run, or had no cell"
        for client, count in of.items()
        for index in range(1, count + 1)
        if index not in seen[client]
    ]


def write_whole(stored: Stored, path: Path) -> str:
    """Why not all of it could be written, empty if it was. What only a later version knows of a line stays in it."""
    file = ResultFile(path, resume=False)
    for plain in stored.plain():
        plain.pop("shard", None)
        file.append_text(text_of(plain))
    file.close()
    return file.trouble

"""The program. Exit codes: 0 as expected, 1 violated, 2 usage, 3 not judged; whatever fails here is 3, also while the
rest of it is loaded: Python's own exit code for that would be 1."""

from __future__ import annotations

import contextlib
import os
import sys


def run(*, again: bool = False) -> None:
    """`again`: it was executed by itself, where the names under test resolve."""
    code = 3
    try:
        from pindrill.cli import main  # noqa: PLC0415

        code = main(again=again)
    except KeyboardInterrupt:
        _say("interrupted")
    except BaseException as error:
        _say(f"cannot start: {type(error).__name__}: {error}")
    sys.exit(code)


def _say(words: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"pindrill: {words}\n".encode(errors="replace"))


if __name__ == "__main__":
    run()

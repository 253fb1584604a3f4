"""How this program ends when something goes wrong: in words, and with an exit code that no verdict has."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import suppress

import typer

from pindrill.extras import advice, extra_of
from pindrill.keyring import CoreError, InputError
from pindrill.model import HarnessFailed, UsageError
from pindrill.reports.complaint import complain

_USAGE, _FAILED = 2, 3
_OUT_OF = {
    errno.EMFILE: "raise its limit with `ulimit -n 4096`, or run fewer cells at once (--jobs 1)",
    errno.ENFILE: "the machine has no more; end what has opened so many",
    errno.EAGAIN: "raise the limit of processes with `ulimit -u`, or run fewer cells at once (--jobs 1)",
    errno.ENOMEM: "give it more memory, or run fewer cells at once (--jobs 1)",
    errno.ENOSPC: "make room; what was written is not whole",
    errno.EDQUOT: "make room; what was written is not whole",
    errno.EFBIG: "what was written is not whole",
    errno.EIO: "what was written is not whole",
}
_NO_NAME = frozenset({errno.ENAMETOOLONG, errno.ELOOP})
"""No file can have the name that was given."""
_NO_THREAD = "can't start new thread"


def with_streams() -> None:
    """A file that is opened must not become the standard output that is missing, nor a text that it cannot encode end
    the program."""
    for descriptor, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115 (as long as the program)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def told(error: BaseException) -> int:
    """Says what went wrong; the exit code."""
    try:
        words, code = _words(error)
        _say(words)
    except BaseException:  # no memory even for that
        return _FAILED
    return code


def flushed() -> bool:
    """Whether all that was said has gone out; else nothing is said any more, which would fail again at the end."""
    whole = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            whole = False
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
    return whole


def _words(error: BaseException) -> tuple[str, int]:
    """What is said of it, empty where nobody is left to hear it; and the exit code."""
    match error:
        case UsageError() | InputError():
            return str(error), _USAGE
        case CoreError() | HarnessFailed():
            return str(error), _FAILED
        case KeyboardInterrupt() | typer.Abort():
            return "interrupted", _FAILED
        case BrokenPipeError():
            return "", _FAILED
        case OSError(errno=number) if number in _NO_NAME:
            return f"{str(error.filename)[:80]}…: {error.strerror}; give another name", _USAGE
        case OSError():
            return _of_system(error), _FAILED
        case MemoryError():
            return f"out of memory: {_OUT_OF[errno.ENOMEM]}", _FAILED
        case RuntimeError() if number := _reason(error):
            return f"{error}: {_OUT_OF[number]}", _FAILED
        case ImportError() if extra := extra_of(error):
            return advice("this", extra), _USAGE
        case ImportError():
            return f"a part of it cannot be loaded: {error}", _FAILED
        case SystemExit():
            return "" if isinstance(error.code, int) else str(error.code or ""), _FAILED
    if callable(show := getattr(error, "show", None)):  # what typer says of a wrong command line
        show()
        return "", _USAGE
    complain("".join(traceback.format_exception(error)).rstrip())
    return "this is a bug of pindrill, no verdict on the client", _FAILED


def _reason(error: RuntimeError) -> int:
    """What the system would not give, of an error that C++ or Python's threads raised; 0: it is something else."""
    if str(error) == _NO_THREAD:
        return errno.EAGAIN
    return next((number for number in _OUT_OF if str(error).endswith(os.strerror(number))), 0)


def _of_system(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    advice = _OUT_OF.get(error.errno or 0, "")
    said = str(error.strerror or error or type(error).__name__)
    words = f"{what}{said}" + (f": {advice}" if advice else "")
    return f"{words}; no verdict on the client"


def _say(words: str) -> None:
    if words:
        with suppress(OSError, ValueError):
            complain(words)

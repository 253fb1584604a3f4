"""Ctrl-C, and what else ends a run from outside: once, never between a start and what undoes it, nor in a clean-up.

An interruption is a KeyboardInterrupt that may come between any two steps of the main thread, of which CPython promises
nothing more. So whatever must be undone is started by `Started`.
"""

from __future__ import annotations

import atexit
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Any, Literal, Self, TypeVar

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 2.0
"""What a clean-up may take; so long an impatient second Ctrl-C, which would leave clients running, is not heard."""
_Made = TypeVar("_Made")


def interrupt_on_signals() -> None:
    """For the main thread: from now on they raise KeyboardInterrupt."""
    last: list[float] = []

    def interrupt(*_: object) -> None:
        now = time.monotonic()
        if last and now - last[-1] < PATIENCE_S:
            return
        last.append(now)
        raise KeyboardInterrupt

    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, interrupt)
            # Python's own end would put the default back, which ends the program by the signal.
            atexit.register(signal.signal, number, signal.SIG_IGN)


def ignore_signals() -> None:
    """How the run ends is decided: what comes now would change the exit code, and nothing else."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


# --- for a while -----------------------------------------------------------------------------------------------

_Handler = Callable[[int, FrameType | None], Any]


class _Holding:
    """Of the main thread, which alone is interrupted. A mask of signals would not do: any thread may take one."""

    depth = 0
    patience_s = 0.0
    handlers: dict[int, _Handler] = {}  # noqa: RUF012 (there is one)
    pending: dict[int, float] = {}  # noqa: RUF012
    """Since when."""


def _note(number: int, frame: FrameType | None) -> None:
    """Right in every state: while nothing is held it does what stood here before."""
    now = time.monotonic()
    since = min(_Holding.pending.values(), default=now)
    if _Holding.depth or now - since < _Holding.patience_s:
        _Holding.pending.setdefault(number, now)
    else:
        _Holding.handlers[number](number, frame)


class held:  # noqa: N801 (used as a function)
    """They come at the end. For what is short: nobody can end it meanwhile."""

    _outer = 0

    def __enter__(self) -> None:
        self._mine = threading.current_thread() is threading.main_thread()
        if not self._mine:
            return
        for number in _ENDING:
            handler = signal.getsignal(number)
            if callable(handler) and handler is not _note:
                _Holding.handlers[number] = handler
                signal.signal(number, _note)
        self._outer = _Holding.depth
        if not self._outer:
            _Holding.pending.clear()
        _Holding.depth = self._outer + 1

    def __exit__(self, *_: object) -> None:
        if not self._mine:
            return
        _Holding.depth = self._outer
        if self._outer:
            return
        for number, handler in _Holding.handlers.items():
            if signal.getsignal(number) is _note:
                signal.signal(number, handler)
        _come()


class heard:  # noqa: N801
    """Inside `held`, for a wait that may be long: here they come at once.

    With a patience, for the wait of a clean-up: only another one, so much later, cuts it short.
    """

    def __init__(self, patience_s: float = 0.0) -> None:
        self._patience_s = patience_s

    def __enter__(self) -> None:
        self._depth = _Holding.depth
        if not self._depth or threading.current_thread() is not threading.main_thread():
            self._depth = 0
            return
        try:
            _Holding.patience_s = self._patience_s
            _Holding.depth = 0
            if not self._patience_s:
                _come()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._depth:
            _Holding.depth = self._depth
            _Holding.patience_s = 0.0


def _come() -> None:
    numbers = list(_Holding.pending)
    _Holding.pending.clear()
    for number in numbers:
        signal.raise_signal(number)


# --- over the execution of a program ---------------------------------------------------------------------------


@contextmanager
def held_over_execution() -> Iterator[None]:
    """They come when the program that is executed in here calls `release`, or at the end. For a process that has no
    other thread, which would take them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def release() -> None:
    """What was held for this program comes now, if anything did."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


# --- what is started is stopped --------------------------------------------------------------------------------


class Started(ExitStack):
    """What was started, to be stopped in reverse order: once each, whatever was reached, whatever interrupts it."""

    def start(self, make: Callable[[], _Made], stop: Callable[[_Made], object]) -> _Made:
        """`make` undoes itself what it did when it raises; a long wait in it is `heard`."""
        with held():
            made = make()
            self.undone_by(stop, made)
        return made

    def undone_by(self, stop: Callable[..., object], *arguments: object) -> None:
        with held():
            _open[id(self)] = self
            self.callback(stop, *arguments)

    def within(self, manager: AbstractContextManager[object]) -> None:
        """For what is entered and left, and takes no time."""
        with held():
            _open[id(self)] = self
            self.enter_context(manager)

    def pop_all(self) -> Self:
        """For the end of a constructor that went well."""
        with held():
            other = super().pop_all()
            _open[id(other)] = other
            return other

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        with held():
            try:
                super().__exit__(kind, error, trace)
            finally:
                _open.pop(id(self), None)
        return False


_open: dict[int, Started] = {}


def stop_all() -> None:
    """What an interruption left that came just before the clean-up began. The newest first."""
    with held():
        for stack in reversed(list(_open.values())):
            stack.close()


atexit.register(stop_all)

"""Ctrl-C, SIGTERM and a closed terminal, each of which ends a command in order: what it started is stopped first.

Nothing heavy is imported here, so that a command listens before it imports what takes time.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

DOUBLE_S = 1.0
"""Seconds within which a further signal counts as the same one: a launcher often signals a group and its leader."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    number: signal.Signals | None = None
    last = float("-inf")
    leaving = False
    action: Callable[[], None] | None = None


def listen() -> None:
    """Have each of the signals raise KeyboardInterrupt, where it is not ignored (as under ``nohup``)."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _once_more
    atexit.register(_ignore)  # the first to be registered, so the last to run


@contextmanager
def deferred() -> Iterator[None]:
    """Put signals off until a block is over that must not be left half-way; whatever handles them is then called.

    Blocking them would not do: another thread may take them, and the main thread handles them all the same.
    """
    from threading import current_thread, main_thread

    if current_thread() is not main_thread():  # where no handler is ever called
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def answered_by(action: Callable[[], None]) -> Iterator[None]:
    """Have the first signal within a block call an action, such as one that ends a search; a second one raises."""
    _State.action = action
    try:
        yield
    finally:
        _State.action = None


def leave() -> None:
    """From here on the process only ends: a signal no longer raises anything, and a late one ends it at once."""
    _State.leaving = True


def heard() -> bool:
    """Whether there was such a signal."""
    return _State.number is not None


def status() -> int:
    """The exit status of a command that was interrupted, as a shell has it: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (_State.number or signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if now - _State.last < DOUBLE_S:
        return
    _State.number, _State.last = signal.Signals(number), now
    if _State.leaving:
        os._exit(status())
    if _State.action is not None:
        action, _State.action = _State.action, None
        action()
        return
    raise KeyboardInterrupt


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _once_more(unraisable: Any) -> None:
    """Python drops what is raised while it cleans up an object; an interrupt that hits such a moment comes again."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    _State.last = float("-inf")
    from threading import Timer, main_thread

    number = _State.number or signal.SIGINT
    again = Timer(0.01, signal.pthread_kill, [main_thread().ident, number])  # a real signal, which ends a wait too
    again.daemon = True
    again.start()

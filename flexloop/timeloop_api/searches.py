"""What a call does beside its search: say that it is running, and end it at Ctrl-C with what it has."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Any, TextIO

from flexloop.deadline import Deadline
from flexloop.embedded.mapper import BestSoFar
from flexloop.errors import NoVerdictError

SIGN_OF_LIFE_S = 10.0
"""Seconds between two lines that say how long a search has been running."""


@contextmanager
def signs_of_life(so_far: BestSoFar, log: TextIO) -> Iterator[None]:
    """Say every `SIGN_OF_LIFE_S` seconds how far a search is."""
    over, began = Event(), time.monotonic()

    def say() -> None:
        while not over.wait(SIGN_OF_LIFE_S):
            print(f"searching for {time.monotonic() - began:.0f} s: {so_far}", file=log, flush=True)

    thread = Thread(target=say, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def interruptible(deadline: Deadline, so_far: BestSoFar, folder: Path) -> Iterator[None]:
    """Have a first Ctrl-C end the search; what it has is then written, and the interrupt goes on.

    Args:
        deadline: when the search has to end.
        so_far: whether it has begun.
        folder: where its results are written.

    Raises:
        KeyboardInterrupt: after the block, if the search was ended so.
    """
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(before):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        if deadline.stopped or not so_far.searching:
            raise KeyboardInterrupt
        deadline.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except NoVerdictError:
        if not deadline.stopped:
            raise
        raise KeyboardInterrupt("interrupted before a mapping was found") from None
    finally:
        signal.signal(signal.SIGINT, before)
    if deadline.stopped:
        raise KeyboardInterrupt(f"interrupted; the best mapping so far stands in {folder} (see read_output)")

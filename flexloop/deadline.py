"""When a search has to end: one clock, looked at in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from flexloop.errors import SpecError, UnknownNameError

EFFORTS = {"quick": 5.0, "normal": 60.0, "thorough": 600.0}
"""Seconds of CPU time after which the embedded mapper gives a proof up, by effort."""


class TimeUp(Exception):
    """The time of a search is over; whoever catches it answers with what is known so far."""


class Deadline:
    """When a search has to end.

    A search looks at it between units of work that take a few hundredths of a second, and ends with the best that it
    knows. An effort counts the CPU time of the thread that makes the deadline, so that a busy machine proves no less;
    seconds that a user gives are those of a clock on the wall.

    Args:
        seconds: from now on.
        clock: gives the present time in seconds.

    Attributes:
        seconds: as given.
        stopped: whether the end came by `stop`.

    Examples:
        >>> Deadline(60).passed()
        False
        >>> Deadline(0, time.monotonic).passed()
        True
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.thread_time) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._whole: Deadline | None = None
        self.stopped = False

    @classmethod
    def of(cls, effort: str = "normal", time_limit: float | None = None) -> Deadline:
        """The deadline of a search that begins now: after the time limit, or else as the effort has it.

        Raises:
            UnknownNameError: if there is no such effort.
            SpecError: if the time limit is no number from 0 on.
        """
        if effort not in EFFORTS:
            raise UnknownNameError("effort", effort, EFFORTS)
        if time_limit is None:
            return cls(EFFORTS[effort])
        if not time_limit >= 0:
            raise SpecError(f"the time limit is {time_limit:g}; write seconds, for example 60")
        return cls(time_limit, time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when the time is over."""
        left = self._end - self._clock()
        return max(min(left, self._whole.left) if self._whole else left, 0.0)

    def now(self) -> float:
        """The time by this deadline's clock."""
        return self._clock()

    def passed(self) -> bool:
        """Whether the time is over."""
        return self.left == 0.0

    def check(self) -> None:
        """Raise `TimeUp` if the time is over."""
        if self.passed():
            raise TimeUp

    def part(self, share: float) -> Deadline:
        """A deadline after that share of what is left of this one, and never later than this one."""
        part = Deadline(share * self.left, self._clock)
        part._whole = self
        return part

    def grant(self, seconds: float) -> None:
        """Leave at least so many seconds, for something to be found however long it took to begin."""
        if not self.stopped:
            self._end = max(self._end, self._clock() + seconds)

    def stop(self) -> None:
        """Have the time be over at once, as an interrupt does."""
        self._end, self.stopped = -inf, True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside does not count, such as compiling."""
        begin = self._clock()
        try:
            yield
        finally:
            self._end += self._clock() - begin

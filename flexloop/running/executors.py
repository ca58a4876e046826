"""Where tasks run: in this process, in processes of this machine, or on a Dask cluster.

All three answer alike: tasks go in one by one, and each comes back with its result or with the reason why it has none.
A task whose worker died runs again; after `ATTEMPTS` deaths it is reported and the others go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from flexloop.errors import EngineError

ATTEMPTS = 3
"""How often a task is tried before it is given up."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Outcome = TypeVar("Outcome", covariant=True)


class WorkerDiedError(EngineError):
    """A task whose worker died each time it was tried."""

    def __init__(self, attempts: int) -> None:
        super().__init__(
            f"the worker died {attempts} times on this cell (killed from outside, or out of memory); "
            "free memory or use fewer --jobs, then run the same command again"
        )


class Executor(Protocol[Task, Outcome]):
    """Runs one function on many tasks."""

    def submit(self, task: Task) -> None:
        """Submit a task."""
        ...

    def next(self) -> tuple[Task, Outcome | Exception]:
        """Wait for some task and return it with its result, or with the error that ended it."""
        ...

    def close(self) -> None:
        """Stop; tasks not yet begun are dropped."""
        ...


class Serial(Generic[Task, Result]):
    """Runs tasks in this process, in the order they came."""

    def __init__(self, function: Callable[[Task], Result]) -> None:
        self._function = function
        self._tasks: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        """Submit a task."""
        self._tasks.append(task)

    def next(self) -> tuple[Task, Result | Exception]:
        """Run the oldest task."""
        task = self._tasks.popleft()
        try:
            return task, self._function(task)
        except Exception as error:
            return task, error

    def close(self) -> None:
        """Drop what is left."""
        self._tasks.clear()


class HereFirst(Generic[Task, Result]):
    """Runs tasks in this process for the first few seconds, and the remaining ones on another executor.

    Starting worker processes takes longer than a few short tasks, so a study of short tasks starts none. The task
    submitted last is run first: submit those that may take long before the others.

    Args:
        function: what is run on a task.
        elsewhere: makes the executor of the remaining tasks.
        seconds: how long tasks are run here, counted from the end of the first one, which also pays for what is done
            once.
    """

    def __init__(
        self, function: Callable[[Task], Result], elsewhere: Callable[[], Executor[Task, Result]], seconds: float
    ) -> None:
        self._function = function
        self._make = elsewhere
        self._seconds = seconds
        self._end: float | None = None
        self._waiting: list[Task] = []
        self._elsewhere: Executor[Task, Result] | None = None

    def submit(self, task: Task) -> None:
        """Submit a task."""
        if self._elsewhere is None:
            self._waiting.append(task)
        else:
            self._elsewhere.submit(task)

    def next(self) -> tuple[Task, Result | Exception]:
        """Run the task submitted last, or wait for one on the other executor."""
        if self._elsewhere is not None:
            return self._elsewhere.next()
        if self._end is not None and time.monotonic() > self._end and len(self._waiting) > 1:
            self._elsewhere = self._make()
            while self._waiting:
                self._elsewhere.submit(self._waiting.pop(0))
            return self._elsewhere.next()
        task = self._waiting.pop()
        try:
            return task, self._function(task)
        except Exception as error:
            return task, error
        finally:
            self._end = self._end or time.monotonic() + self._seconds

    def close(self) -> None:
        """Stop; tasks not yet begun are dropped."""
        self._waiting.clear()
        if self._elsewhere is not None:
            self._elsewhere.close()

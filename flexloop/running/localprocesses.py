"""Worker processes on this machine, each with a pipe of its own, so that a dead worker's task is known and retried."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Any, Generic

from flexloop.errors import EngineError
from flexloop.interrupts import deferred
from flexloop.running.executors import ATTEMPTS, Result, Task, WorkerDiedError

_LOG = logging.getLogger("flexloop")

GRACE_S = 15.0
"""Seconds that workers have, when a study is stopped, to stop the programs and containers that they started."""

_TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
"""Signals that a terminal sends to all processes of a command."""


class LocalProcesses(Generic[Task, Result]):
    """Runs tasks in processes of this machine, which are started when there is work for them.

    Args:
        function: what is run on a task; picklable. Every process gets it once.
        processes: how many at once.
    """

    def __init__(self, function: Callable[[Task], Result], processes: int) -> None:
        self._function = function
        self._processes = processes
        self._waiting: deque[tuple[Task, int]] = deque()
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, Task, int]] = {}
        self._failed_starts = 0

    def submit(self, task: Task) -> None:
        """Submit a task."""
        self._waiting.append((task, 1))
        self._start_waiting()

    def next(self) -> tuple[Task, Result | Exception]:
        """Wait for the next task to finish.

        Raises:
            EngineError: if processes cannot be started, or end before they take a task.
        """
        while True:
            pipe = wait(list(self._busy))[0]
            assert isinstance(pipe, Connection)
            worker, task, attempt = self._busy[pipe]
            try:
                answer = pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                del self._busy[pipe]
                if worker.ready and attempt >= ATTEMPTS:
                    worker.discard()
                    self._start_waiting()
                    return task, WorkerDiedError(attempt)
                self._waiting.appendleft((task, attempt + worker.ready))
                self._discard_dead(worker)
                self._start_waiting()
                continue
            if not worker.ready:
                worker.ready, self._failed_starts = True, 0
                continue
            if isinstance(answer, logging.LogRecord):
                logging.getLogger(answer.name).handle(answer)
                continue
            if isinstance(answer, _Warned):
                warnings.warn(answer.text, answer.category, stacklevel=2)  # of all workers, each text once
                continue
            del self._busy[pipe]
            self._idle.append(worker)
            self._start_waiting()
            outcome: Result | Exception = answer
            return task, outcome

    def _start_waiting(self) -> None:
        while self._waiting and len(self._busy) < self._processes:
            worker = self._idle.pop() if self._idle else _Worker(self._function)
            task, attempt = self._waiting[0]
            try:
                worker.pipe.send(task)
            except OSError:  # it died idle, so no task is retried for it
                self._discard_dead(worker)
                continue
            self._waiting.popleft()
            self._busy[worker.pipe] = (worker, task, attempt)

    def _discard_dead(self, worker: _Worker) -> None:
        """Discard a worker that has died.

        Raises:
            EngineError: if several in a row died before they were ready for a task and no other is: starting more would
                not help.
        """
        status = worker.discard()
        if worker.ready:
            return
        self._failed_starts += 1
        others = [*self._idle, *(busy for busy, _, _ in self._busy.values())]
        if self._failed_starts >= ATTEMPTS and not any(other.ready for other in others):
            raise EngineError(
                f"{self._failed_starts} worker processes ended before they took a cell (the last with status "
                f"{status}); free memory, or use --jobs 1, which needs none"
            )

    def close(self) -> None:
        """Stop at once: tasks that are being run are abandoned, and the programs that they started are stopped."""
        busy = [worker for worker, _, _ in self._busy.values()]
        for worker in busy:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE_S
        for worker in [*busy, *self._idle]:
            worker.discard(max(0.0, deadline - time.monotonic()))
        self._waiting.clear()
        self._idle.clear()
        self._busy.clear()


class _Worker:
    """A process and the pipe to it; the first thing that it sends says that it is ready for tasks."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.ready = False
        self.pipe, theirs = Pipe()
        self.process = _Process(target=_serve, args=(function, theirs, _LOG.getEffectiveLevel()), daemon=True)
        with deferred():  # interrupted while it starts, a process prints a traceback
            self._start(theirs)

    def _start(self, theirs: Connection) -> None:
        resource_tracker.ensure_running()  # which starts with the first process, and would unblock what is blocked here
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL_SIGNALS)  # inherited, until the process has its handlers
            self.process.start()
        except OSError as error:
            self.pipe.close()
            raise EngineError(
                f"a worker process does not start: {error.strerror or error}; use fewer --jobs"
            ) from error
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERMINAL_SIGNALS)

    def discard(self, grace_s: float = 1.0) -> int | None:
        """Close the pipe, on which an idle process ends, kill it if it does not end in time; its exit status."""
        self.pipe.close()
        self.process.join(grace_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        status = self.process.exitcode
        self.process.close()
        return status


class _Process(SpawnProcess):
    """A process that does not run the user's main script anew, so that a study needs no ``__main__`` guard."""

    def start(self) -> None:
        main = sys.modules["__main__"]
        hidden = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
        try:
            main.__spec__ = None
            if "__file__" in hidden:
                del main.__file__
            super().start()
        finally:
            for name, value in hidden.items():
                setattr(main, name, value)


@dataclass(frozen=True)
class _Warned:
    """A warning on its way from a worker to the process that started it."""

    text: str
    category: type[Warning]

    @classmethod
    def of(cls, message: Warning | str, category: type[Warning]) -> _Warned:
        """A warning that can be pickled: one of a class that only the worker knows becomes a `UserWarning`."""
        return cls(str(message), category if category.__module__ == "builtins" else UserWarning)


class _ToTheParent(logging.Handler):
    """Sends what is logged to the process that started this one, which shows it if anybody does."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        text = {"msg": record.getMessage(), "args": None, "exc_info": None}  # what can always be pickled
        with suppress(OSError):  # a parent that is gone reads no log
            self._pipe.send(logging.makeLogRecord(record.__dict__ | text))


def _serve(function: Callable[[Any], Any], pipe: Connection, level: int) -> None:
    """Main loop of a worker: receive a task, send its result, until the parent closes the pipe."""
    for number in _TERMINAL_SIGNALS:
        signal.signal(number, _ignore)
    signal.signal(signal.SIGTERM, _exit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERMINAL_SIGNALS)
    Thread(target=_terminate_with_parent, daemon=True).start()
    try:
        pipe.send(None)  # ready
    except OSError:
        return
    _LOG.setLevel(level)
    _LOG.addHandler(_ToTheParent(pipe))
    _LOG.propagate = False

    def warn_the_parent(
        message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        with suppress(OSError):
            pipe.send(_Warned.of(message, category))

    warnings.showwarning = warn_the_parent
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            outcome = function(task)
        except Exception as error:
            outcome = error
        try:
            pipe.send(outcome)
        except OSError:
            return
        except Exception as error:
            pipe.send(EngineError(f"what came out of a cell cannot be sent: {error!r}"))


def _ignore(number: int, frame: object) -> None:
    """Do nothing: the parent, which gets the same signal, stops its workers. SIG_IGN would be inherited by programs."""


def _exit(number: int, frame: object) -> None:
    """Exit through the ``finally`` blocks, which stop the programs and containers that this worker started."""
    raise SystemExit(128 + number)


def _terminate_with_parent() -> None:
    """Terminate this process when the parent has ended, even if it was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

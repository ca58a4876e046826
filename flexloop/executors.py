"""Where tasks run: in this process, in processes of this machine, or on a Dask cluster.

All three answer alike: tasks go in one by one, and each comes back with its result or with the reason why it has none.
A task whose worker died runs again; after `ATTEMPTS` deaths it is reported and the others go on.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Generic, Protocol, TypeVar

from flexloop.errors import EngineError

ATTEMPTS = 3
"""How often a task may take its worker down before it is given up."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerDiedError(EngineError):
    """A task whose worker died each time it was tried."""

    def __init__(self, attempts: int) -> None:
        super().__init__(
            f"the worker died {attempts} times on this cell (killed from outside, or out of memory); "
            "free memory or use fewer --jobs, then run the same command again"
        )


class Executor(Protocol[Task, Result]):
    """Runs one function on many tasks."""

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        ...

    def next(self) -> tuple[Task, Result | BaseException]:
        """Wait for some task and return it with its result, or with the error that ended it."""
        ...

    def close(self) -> None:
        """Stop; tasks not yet begun are dropped."""
        ...


class Serial(Generic[Task, Result]):
    """Runs tasks in this process, in the order they came."""

    def __init__(self, function: Callable[[Task], Result]) -> None:
        self._function = function
        self._tasks: list[Task] = []

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        self._tasks.append(task)

    def next(self) -> tuple[Task, Result | BaseException]:
        """Run the oldest task."""
        task = self._tasks.pop(0)
        try:
            return task, self._function(task)
        except Exception as error:
            return task, error

    def close(self) -> None:
        """Drop what is left."""
        self._tasks.clear()


class LocalProcesses(Generic[Task, Result]):
    """Runs tasks in processes of this machine.

    No more tasks are in flight than there are processes, so that when one dies few others must run again.

    Args:
        function: what is run on a task; picklable.
        processes: how many at once.
    """

    def __init__(self, function: Callable[[Task], Result], processes: int) -> None:
        self._function = function
        self._processes = processes
        self._waiting: list[tuple[Task, int]] = []
        self._running: dict[Future[Result], tuple[Task, int]] = {}
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._processes, mp_context=_Context(), initializer=_leave_signals)

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        self._waiting.append((task, 1))
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._processes:
            task, attempt = self._waiting.pop(0)
            self._running[self._pool.submit(self._function, task)] = (task, attempt)

    def next(self) -> tuple[Task, Result | BaseException]:
        """Wait for the next task to finish."""
        while True:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            future = done.pop()
            if isinstance(future.exception(), BrokenProcessPool):
                if (given_up := self._recover()) is not None:
                    return given_up, WorkerDiedError(ATTEMPTS)
                continue
            task, _ = self._running.pop(future)
            self._fill()
            error = future.exception()
            return task, error if error is not None else future.result()

    def _recover(self) -> Task | None:
        """Start a new pool, queue what was in flight again, and return a task that has had its chances, if any."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new_pool()
        interrupted, self._running = list(self._running.values()), {}
        given_up = None
        for task, attempt in interrupted:
            if attempt >= ATTEMPTS and given_up is None:
                given_up = task
            else:
                self._waiting.insert(0, (task, attempt + 1))
        self._fill()
        return given_up

    def close(self) -> None:
        """Stop at once; what is in flight is abandoned."""
        self._waiting.clear()
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._running:
            for process in processes:
                process.terminate()


class _Process(SpawnProcess):
    """A worker that does not run the user's main script anew, so that a study needs no ``__main__`` guard."""

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


class _Context(SpawnContext):
    """Spawned processes of the above kind."""

    Process = _Process  # type: ignore[assignment]


def _leave_signals() -> None:
    """A worker leaves Ctrl-C to the parent, and when terminated unwinds, so that programs it started stop too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)


def _unwind(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


class DaskCluster(Generic[Task, Result]):
    """Runs tasks on a Dask cluster.

    Args:
        function: what is run on a task; picklable, importable on the workers.
        address: ``tcp://host:port`` of a scheduler, ``local`` for a cluster of this machine, or the path of a
            scheduler file.
        processes: workers of a local cluster.

    Raises:
        EngineError: if Dask is not installed or the scheduler does not answer.
    """

    def __init__(self, function: Callable[[Task], Result], address: str, processes: int) -> None:
        try:
            import distributed
        except ImportError as error:
            raise EngineError("--dask needs the package distributed: pip install 'flexloop[dask]'") from error
        self._distributed = distributed
        self._function = function
        self._client = _connect(distributed, address, processes)
        self._completed = distributed.as_completed()
        self._tasks: dict[str, Task] = {}

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        future = self._client.submit(self._function, task, pure=False, retries=0)
        self._tasks[future.key] = task
        self._completed.add(future)

    def next(self) -> tuple[Task, Result | BaseException]:
        """Wait for the next task to finish."""
        future = next(self._completed)
        task = self._tasks.pop(future.key)
        if future.status == "finished":
            return task, future.result()
        error = future.exception()
        if isinstance(error, self._distributed.KilledWorker):
            error = WorkerDiedError(ATTEMPTS)
        return task, error or EngineError("the Dask cluster cancelled this cell; run the same command again")

    def close(self) -> None:
        """Leave the cluster; one that was started here is stopped."""
        self._client.close()
        if self._client.cluster is not None:
            self._client.cluster.close()


def _connect(distributed: Any, address: str, processes: int) -> Any:
    import dask

    dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1})
    try:
        if address == "local":
            cluster = distributed.LocalCluster(n_workers=processes, threads_per_worker=1, dashboard_address=None)
            return distributed.Client(cluster)
        if "://" in address:
            return distributed.Client(address, timeout="10s")
        return distributed.Client(scheduler_file=address, timeout="10s")
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--dask {address}: no scheduler answers there ({error}); start one with dask scheduler"
        ) from error

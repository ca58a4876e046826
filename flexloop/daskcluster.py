"""Tasks on a Dask cluster: one of this machine, or any that a scheduler's address leads to."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Generic

from flexloop.errors import EngineError
from flexloop.executors import ATTEMPTS, Result, Task, WorkerDiedError

CONNECT_TIMEOUT = "20s"
"""How long a scheduler may take to answer."""


class DaskCluster(Generic[Task, Result]):
    """Runs tasks on a Dask cluster.

    Dask blames a worker's death on all tasks that it had been given. One that comes back blamed is therefore tried
    again, blamed ones one at a time, until it has been blamed `ATTEMPTS` times. (A scheduler started elsewhere reports
    a task only after ``distributed.scheduler.allowed-failures`` deaths.)

    Args:
        function: what is run on a task; picklable, importable on the workers. Every worker gets it once.
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
        self._distributed: Any = distributed
        self._address = address
        self._client = _connect(distributed, address, processes)
        self._function = self._client.submit(_itself, function, pure=False)  # a task, so that Dask can make it anew
        self._completed = self._distributed.as_completed()
        self._tasks: dict[str, tuple[Task, int]] = {}
        self._blamed: deque[tuple[Task, int]] = deque()
        self._suspect: str | None = None

    def submit(self, task: Task) -> None:
        """Hand in a task."""
        self._submit(task, 0)

    def _submit(self, task: Task, deaths: int) -> str:
        future = self._client.submit(_call, self._function, task, pure=False, retries=0)
        self._tasks[future.key] = (task, deaths)
        self._completed.add(future)
        return str(future.key)

    def next(self) -> tuple[Task, Result | Exception]:
        """Wait for the next task to finish.

        Raises:
            EngineError: if the scheduler is gone.
        """
        while True:
            future = next(self._completed)
            task, deaths = self._tasks.pop(future.key)
            was_alone = future.key == self._suspect
            if was_alone:
                self._suspect = None
            error = future.exception() if future.status == "error" else None
            if isinstance(error, self._distributed.KilledWorker):
                deaths += getattr(error, "allowed_failures", 0) + 1
                if not was_alone or deaths < ATTEMPTS:
                    self._blamed.append((task, deaths))
                    self._try_blamed()
                    continue
                error = WorkerDiedError(deaths)
            self._try_blamed()
            if future.status == "finished":
                return task, future.result()
            if isinstance(error, Exception) and not isinstance(error, self._distributed.CancelledError):
                return task, error
            raise EngineError(
                f"--dask {self._address}: the scheduler is gone, or it cancelled the study; finished cells are kept, "
                "start the scheduler and run the same command again"
            )

    def _try_blamed(self) -> None:
        if self._blamed and self._suspect is None:
            self._suspect = self._submit(*self._blamed.popleft())

    def close(self) -> None:
        """Leave the cluster; one that was started here is stopped."""
        cluster = self._client.cluster
        self._client.close()
        if cluster is not None:
            cluster.close()


def _itself(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def _call(function: Callable[[Any], Any], task: Any) -> Any:
    return function(task)


def _connect(distributed: Any, address: str, processes: int) -> Any:
    import dask

    try:
        if address == "local":
            with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                cluster = distributed.LocalCluster(
                    n_workers=processes, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
                )
            return distributed.Client(cluster)
        if "://" in address:
            return distributed.Client(address, timeout=CONNECT_TIMEOUT)
        return distributed.Client(scheduler_file=address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise EngineError(
            f"--dask {address}: no scheduler answers there ({error}); start one with `dask scheduler`, or use "
            "--dask local"
        ) from error
